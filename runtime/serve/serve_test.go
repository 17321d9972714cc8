package serve

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mspecc/runtime"
	"mspecc/runtime/internal/tiny"
)

// fixture is a running server of the tiny program.
type fixture struct {
	t      *testing.T
	s      *Server
	m      *runtime.Machine
	url    string
	addr   string
	cancel context.CancelFunc
	ended  chan error
}

// change lets a test alter the program and the configuration before the start.
func start(t *testing.T, change func(p *runtime.Program, c *Config)) *fixture {
	t.Helper()
	p := tiny.Program()
	c := Config{Step: 12, Checkpoint: "step-00000012.safetensors"}
	if change != nil {
		change(p, &c)
	}
	m, err := runtime.NewMachine(p, 2)
	if err != nil {
		t.Fatal(err)
	}
	m.Initialize(3)
	c.Machine = m
	s, err := New(c)
	if err != nil {
		m.Close()
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	f := &fixture{t: t, s: s, m: m, url: "http://" + l.Addr().String(), addr: l.Addr().String(), cancel: cancel, ended: make(chan error, 1)}
	go func() { f.ended <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-f.ended:
			f.ended <- err
		case <-time.After(20 * time.Second):
			t.Error("the server does not end")
		}
		m.Close()
	})
	return f
}

// example is input number i: 16 numbers.
func example(i int) []float32 {
	x := make([]float32, 16)
	runtime.Uniform(x, "example", 1, uint64(i))
	return x
}

// want are the features of an input, computed here.
func (f *fixture) want(x []float32) []float32 {
	w := f.m.Floats(f.m.Program.Params[0].Tensor)
	out := make([]float32, 5)
	for k := range out {
		s := float32(0)
		for i, v := range x {
			s += v * w[i*5+k]
		}
		out[k] = s
	}
	return out
}

func near(a, b []float32) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !(math.Abs(float64(a[i]-b[i])) <= 1e-5) {
			return false
		}
	}
	return true
}

type answer struct {
	Features [][]float32 `json:"features"`
	Width    int         `json:"width"`
	Model    string      `json:"model"`
	Step     int         `json:"step"`
	Error    struct{ Code, Message string }
}

// post sends a body and gives the status, the answer and the header.
func (f *fixture) post(kind string, body io.Reader, header ...string) (int, answer, http.Header) {
	f.t.Helper()
	status, raw, h := f.do("POST", "/v1/embeddings", kind, body, header...)
	var a answer
	if strings.HasPrefix(h.Get("Content-Type"), typeJSON) {
		if err := json.Unmarshal(raw, &a); err != nil {
			f.t.Errorf("%q: %v", raw, err)
		}
	}
	return status, a, h
}

func (f *fixture) do(method, path, kind string, body io.Reader, header ...string) (int, []byte, http.Header) {
	f.t.Helper()
	r, err := http.NewRequest(method, f.url+path, body)
	if err != nil {
		f.t.Fatal(err)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return resp.StatusCode, raw, resp.Header
}

// nested is an input as nested lists, [1, 4, 4].
func nested(x []float32) any {
	var rows [][]float32
	for i := 0; i < 16; i += 4 {
		rows = append(rows, x[i:i+4])
	}
	return [][][]float32{rows}
}

func jsonBody(t testing.TB, inputs ...any) *bytes.Reader {
	t.Helper()
	text, err := json.Marshal(map[string]any{"inputs": inputs})
	if err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(text)
}

func rawBody(examples ...[]float32) *bytes.Reader {
	var b []byte
	for _, x := range examples {
		for _, v := range x {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
	}
	return bytes.NewReader(b)
}

func TestEmbeddings(t *testing.T) {
	f := start(t, nil)
	// nested and flat inputs may be mixed; 20 are more than one batch
	var inputs []any
	var want [][]float32
	for i := range 20 {
		x := example(i)
		want = append(want, f.want(x))
		if i%2 == 0 {
			inputs = append(inputs, nested(x))
		} else {
			inputs = append(inputs, x)
		}
	}
	status, a, h := f.post(typeJSON, jsonBody(t, inputs...))
	if status != 200 || a.Model != "tiny" || a.Step != 12 || a.Width != 5 || h.Get("X-Features-Shape") != "20,5" {
		t.Fatalf("status %d, %+v", status, a)
	}
	if !slices.EqualFunc(a.Features, want, near) {
		t.Errorf("features %v, expected %v", a.Features, want)
	}
	status, raw, h := f.do("POST", "/v1/embeddings", typeRaw, rawBody(example(0), example(1)))
	if status != 200 || h.Get("Content-Type") != typeRaw || len(raw) != 40 || h.Get("X-Features-Shape") != "2,5" {
		t.Fatalf("status %d, %d bytes, %v", status, len(raw), h)
	}
	var got []float32
	for i := 0; i < len(raw); i += 4 {
		got = append(got, math.Float32frombits(binary.LittleEndian.Uint32(raw[i:])))
	}
	if !near(got, append(slices.Clone(want[0]), want[1]...)) {
		t.Errorf("raw features %v", got)
	}
	// the other way round
	if _, a, _ := f.post(typeRaw, rawBody(example(2)), "Accept", typeJSON); len(a.Features) != 1 || !near(a.Features[0], want[2]) {
		t.Errorf("raw in, JSON out: %v", a)
	}
	if _, raw, _ := f.do("POST", "/v1/embeddings", typeJSON+"; charset=utf-8", jsonBody(t, nested(example(2))), "Accept", typeRaw); len(raw) != 20 {
		t.Errorf("JSON in, raw out: %d bytes", len(raw))
	}
}

func TestTokens(t *testing.T) {
	f := start(t, func(p *runtime.Program, _ *Config) {
		p.Modality.DType, p.Modality.Vocab, p.Modality.Input = runtime.I32, 9, []int{16}
		for _, fn := range append(p.Small, p.Features) {
			fn.Inputs[0].DType = runtime.I32
			run, in := fn.Run, fn.Inputs[0]
			fn.Run = func(m *runtime.Machine) {
				for i, tok := range m.Ints(in) {
					m.Floats(in)[i] = float32(tok)
				}
				run(m)
			}
		}
	})
	tokens := []int{1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2, 3, 4, 5, 6, 7}
	var x []float32
	var raw []byte
	for _, v := range tokens {
		x = append(x, float32(v))
		raw = binary.LittleEndian.AppendUint32(raw, uint32(v))
	}
	if status, a, _ := f.post(typeJSON, jsonBody(t, tokens)); status != 200 || !near(a.Features[0], f.want(x)) {
		t.Errorf("status %d, %+v", status, a)
	}
	if status, a, _ := f.post(typeRaw, bytes.NewReader(raw), "Accept", typeJSON); status != 200 || !near(a.Features[0], f.want(x)) {
		t.Errorf("status %d, %+v", status, a)
	}
	for _, bad := range []any{9, -1, 1.5} {
		list := []any{bad}
		for _, v := range tokens[1:] {
			list = append(list, v)
		}
		if status, a, _ := f.post(typeJSON, jsonBody(t, list)); status != 400 || !strings.Contains(a.Error.Message, "expected 0 to 8") {
			t.Errorf("token %v: status %d, %+v", bad, status, a)
		}
	}
}

// Many clients at once, with requests of different sizes: everybody gets the features of
// their own inputs.
func TestConcurrentClients(t *testing.T) {
	f := start(t, func(_ *runtime.Program, c *Config) { c.Wait = time.Millisecond })
	const clients, rounds = 24, 20
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() {
			for round := range rounds {
				n := 1 + (c*7+round)%11
				var inputs []any
				var want [][]float32
				for i := range n {
					x := example(c*100000 + round*100 + i)
					inputs, want = append(inputs, nested(x)), append(want, f.want(x))
				}
				status, a, _ := f.post(typeJSON, jsonBody(t, inputs...))
				if status != 200 || !slices.EqualFunc(a.Features, want, near) {
					t.Errorf("client %d, round %d: status %d, %+v", c, round, status, a.Error)
					return
				}
			}
		})
	}
	all.Wait()
	_, text, _ := f.do("GET", "/metrics", "", nil)
	for _, want := range []string{`mspecc_requests_total{code="200"} 480`, "mspecc_queue_examples 0", "mspecc_requests_in_flight 0", `mspecc_batches_total{size="8"}`, "mspecc_batch_examples_bucket", `mspecc_info{modality="squares",model="tiny"`, "go_goroutines", "process_open_fds"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}

func TestRefusals(t *testing.T) {
	f := start(t, func(_ *runtime.Program, c *Config) { c.MaxBody, c.Queue = 4096, 16 })
	good := func() *bytes.Reader { return jsonBody(t, nested(example(0))) }
	text := func(s string) *bytes.Reader { return bytes.NewReader([]byte(s)) }
	many := make([]any, 17)
	for i := range many {
		many[i] = make([]int, 16)
	}
	for _, c := range []struct {
		status  int
		code    string
		message string
		kind    string
		body    io.Reader
		header  []string
	}{
		{400, "input", "not {\"inputs\": [...]}", typeJSON, text("{"), nil},
		{400, "input", "unknown field", typeJSON, text(`{"inputs":[],"more":1}`), nil},
		{400, "input", "text follows", typeJSON, text(`{"inputs":[[1]]} x`), nil},
		{400, "input", "empty or missing", typeJSON, text(`{}`), nil},
		{400, "input", "input 0: lists lie 2 deep", typeJSON, text(`{"inputs":[[[1]]]}`), nil},
		{400, "input", "lists lie 0 deep", typeJSON, text(`{"inputs":[null]}`), nil},
		{400, "input", "a list has 3 elements, expected 16", typeJSON, text(`{"inputs":[[1,2,3]]}`), nil},
		{400, "input", "input 1: a list has 1 elements, expected 4", typeJSON, jsonBody(t, nested(example(0)), [][][]int{{{1, 2, 3, 4}}}), nil},
		{400, "input", "a list has more than 16", typeJSON, jsonBody(t, make([]int, 17)), nil},
		{400, "input", "\"null\" is no number", typeJSON, text(`{"inputs":[[1,null]]}`), nil},
		{400, "input", "is no number", typeJSON, text(`{"inputs":[[1,"2"]]}`), nil},
		{400, "input", "is no number", typeJSON, text(`{"inputs":[[1,{"a":[2]}]]}`), nil},
		{400, "input", "finite numbers of 32 bits", typeJSON, text(`{"inputs":[[1e39]]}`), nil},
		{400, "input", "is no number", typeJSON, text(`{"inputs":[[1e999]]}`), nil},
		{400, "input", "expected a multiple of 64", typeRaw, text("abc"), nil},
		{400, "input", "expected a multiple of 64", typeRaw, text(""), nil},
		{400, "input", "holds NaN", typeRaw, rawBody(append(example(0)[:15:15], float32(math.NaN()))), nil},
		{413, "body", "more than 4096 bytes", typeRaw, bytes.NewReader(make([]byte, 4097)), nil},
		{413, "body", "more than 4096 bytes", typeRaw, io.MultiReader(bytes.NewReader(make([]byte, 5000))), nil}, // chunked
		{413, "inputs", "17 inputs, at most 16", typeJSON, jsonBody(t, many...), nil},
		{415, "type", `is "text/plain"`, "text/plain", good(), nil},
		{415, "type", `is ""`, "", good(), nil},
		{415, "encoding", `encoded as "gzip"`, typeJSON, good(), []string{"Content-Encoding", "gzip"}},
		{403, "host", "not to \"evil.example:80\"", typeJSON, good(), []string{"Host", "evil.example:80"}},
	} {
		status, a, _ := f.post(c.kind, c.body, c.header...)
		if status != c.status || a.Error.Code != c.code || !strings.Contains(a.Error.Message, c.message) {
			t.Errorf("status %d, %q: %q; expected %d, %q: %q", status, a.Error.Code, a.Error.Message, c.status, c.code, c.message)
		}
	}
	for path, want := range map[string]int{"/nowhere": 404, "/v1/embeddings": 405, "/healthz": 200, "/readyz": 200, "/v1/model": 200} {
		if status, _, h := f.do("GET", path, "", nil); status != want || want == 405 && h.Get("Allow") != "POST" {
			t.Errorf("GET %s: status %d, expected %d", path, status, want)
		}
	}
	if status, _, _ := f.do("DELETE", "/metrics", "", nil); status != 405 {
		t.Errorf("DELETE /metrics: status %d", status)
	}
	for _, host := range []string{"localhost", "localhost:80", "127.0.0.1", "[::1]:80", "[::1]"} {
		if status, _, _ := f.post(typeJSON, good(), "Host", host); status != 200 {
			t.Errorf("to %s: status %d", host, status)
		}
	}
}

func TestToken(t *testing.T) {
	const token = "0123456789abcdef"
	f := start(t, func(_ *runtime.Program, c *Config) { c.Token = token })
	body := func() *bytes.Reader { return jsonBody(t, nested(example(0))) }
	for header, want := range map[string]int{"": 401, "Bearer wrong": 401, token: 401, "Basic " + token: 401, "Bearer " + token: 200, "bearer " + token: 200} {
		if status, a, h := f.post(typeJSON, body(), "Authorization", header, "Host", "anywhere.example"); status != want || want == 401 && h.Get("WWW-Authenticate") == "" {
			t.Errorf("%q: status %d, expected %d (%+v)", header, status, want, a)
		}
	}
	for path, want := range map[string]int{"/metrics": 401, "/v1/model": 401, "/openapi.json": 401, "/healthz": 200, "/readyz": 200} {
		if status, _, _ := f.do("GET", path, "", nil); status != want {
			t.Errorf("%s without a token: status %d, expected %d", path, status, want)
		}
	}
}

// gate makes every computation of features wait until it is opened.
type gate struct {
	entered chan struct{}
	open    chan struct{}
}

func gated(p *runtime.Program) *gate {
	g := &gate{make(chan struct{}, 1000), make(chan struct{})}
	probing := 2 * len(append(p.Small, p.Features)) // New tries each function twice, batches of one not
	for _, fn := range append(p.Small, p.Features) {
		if batch(fn) == 1 {
			probing -= 2
		}
	}
	for _, fn := range append(p.Small, p.Features) {
		run := fn.Run
		fn.Run = func(m *runtime.Machine) {
			if probing--; probing < 0 {
				g.entered <- struct{}{}
				<-g.open
			}
			run(m)
		}
	}
	return g
}

func (f *fixture) waitUntil(what string, done func() bool) {
	f.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			f.t.Fatalf("%s: waited in vain", what)
		}
	}
}

func (b *batcher) queued() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.waiting
}

// A full queue turns requests away at once, and takes them again when there is room.
func TestBackPressure(t *testing.T) {
	var g *gate
	f := start(t, func(p *runtime.Program, c *Config) {
		g = gated(p)
		c.Queue = 10
	})
	ask := func(n int) (status int, a answer, h http.Header) {
		var inputs []any
		for i := range n {
			inputs = append(inputs, nested(example(i)))
		}
		return f.post(typeJSON, jsonBody(t, inputs...))
	}
	var all sync.WaitGroup
	for i, n := range []int{1, 4, 6} { // the first is computed, the others fill the queue
		all.Go(func() {
			if status, a, _ := ask(n); status != 200 || len(a.Features) != n {
				t.Errorf("request of %d: status %d, %+v", n, status, a.Error)
			}
		})
		if i == 0 {
			<-g.entered
		}
	}
	f.waitUntil("the queue fills", func() bool { return f.s.batcher.queued() == 10 })
	status, a, h := ask(1)
	if status != 429 || a.Error.Code != "queue" || h.Get("Retry-After") != "1" {
		t.Errorf("status %d, %+v, %v", status, a, h)
	}
	if status, _, _ := f.do("GET", "/healthz", "", nil); status != 200 {
		t.Errorf("a busy server is not healthy: %d", status)
	}
	close(g.open)
	all.Wait()
	if status, a, _ := ask(10); status != 200 {
		t.Errorf("later: status %d, %+v", status, a.Error)
	}
}

// The numbers of requests and of bytes that are worked on are bounded too.
func TestLimits(t *testing.T) {
	var g *gate
	f := start(t, func(p *runtime.Program, c *Config) {
		g = gated(p)
		c.Requests = 2
	})
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() { f.post(typeJSON, jsonBody(t, nested(example(0)))) })
	}
	f.waitUntil("both requests are there", func() bool { return !f.s.slots.TryAcquire(1) || func() bool { f.s.slots.Release(1); return false }() })
	if status, a, _ := f.post(typeJSON, jsonBody(t, nested(example(0)))); status != 429 || a.Error.Code != "busy" {
		t.Errorf("status %d, %+v", status, a)
	}
	close(g.open)
	all.Wait()

	f = start(t, func(_ *runtime.Program, c *Config) { c.MaxBody, c.Memory, c.Read = 1<<20, 1<<20, 2*time.Second })
	slow := slowBody(t, f, 1<<20) // its share is all there is
	f.waitUntil("the slow body has its share", func() bool { return !f.s.memory.TryAcquire(1) || func() bool { f.s.memory.Release(1); return false }() })
	if status, a, _ := f.post(typeJSON, jsonBody(t, nested(example(0)))); status != 429 || a.Error.Code != "memory" {
		t.Errorf("status %d, %+v", status, a)
	}
	slow.Close()
	f.waitUntil("the share is given back", func() bool {
		status, _, _ := f.post(typeJSON, jsonBody(t, nested(example(0))))
		return status == 200
	})
}

// slowBody opens a connection, announces a body and sends only its beginning.
func slowBody(t *testing.T, f *fixture, length int) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	fmt.Fprintf(c, "POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n{", typeJSON, length)
	return c
}

func readAll(t *testing.T, c net.Conn, limit time.Duration) string {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(limit)); err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(c)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		t.Errorf("the connection was left open for %v: %q", limit, raw)
	}
	return string(raw)
}

// Clients that send slowly, or nothing, are cut off; others are served meanwhile.
func TestSlowClients(t *testing.T) {
	f := start(t, func(_ *runtime.Program, c *Config) { c.Read = 300 * time.Millisecond })
	body := slowBody(t, f, 1000)
	header, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer header.Close()
	fmt.Fprint(header, "POST /v1/embeddings HTTP/1.1\r\nHost: loc")
	refused, err := net.Dial("tcp", f.addr) // turned away before its body is read
	if err != nil {
		t.Fatal(err)
	}
	defer refused.Close()
	fmt.Fprint(refused, "POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 100000\r\n\r\n{")
	if status, _, _ := f.post(typeJSON, jsonBody(t, nested(example(0)))); status != 200 {
		t.Errorf("another client: status %d", status)
	}
	if got := readAll(t, body, 5*time.Second); !strings.HasPrefix(got, "HTTP/1.1 408 ") || !strings.Contains(got, `"slow"`) {
		t.Errorf("a slow body: %q", got)
	}
	if got := readAll(t, refused, 5*time.Second); !strings.HasPrefix(got, "HTTP/1.1 415 ") {
		t.Errorf("a refused request: %q", got)
	}
	readAll(t, header, 5*time.Second)
}

// A body cut short is an error of its own, and nothing is computed.
func TestBodyCutShort(t *testing.T) {
	f := start(t, nil)
	c := slowBody(t, f, 1000)
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, c, 5*time.Second); !strings.HasPrefix(got, "HTTP/1.1 400 ") {
		t.Errorf("%q", got)
	}
}

// A client that never reads its answer does not hold others up, and is cut off.
func TestClientThatDoesNotRead(t *testing.T) {
	f := start(t, func(p *runtime.Program, c *Config) {
		c.Write, c.Queue, c.MaxBody, c.Memory = 300*time.Millisecond, 1<<20, 64<<20, 1<<30
	})
	c, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	const n = 1 << 19 // 10 MB of features
	fmt.Fprintf(c, "POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", typeRaw, 64*n)
	if _, err := c.Write(make([]byte, 64*n)); err != nil {
		t.Fatal(err)
	}
	f.waitUntil("it is cut off", func() bool {
		if status, _, _ := f.post(typeJSON, jsonBody(t, nested(example(0)))); status != 200 {
			t.Errorf("another client: status %d", status)
		}
		_, text, _ := f.do("GET", "/metrics", "", nil)
		return strings.Contains(string(text), "mspecc_requests_in_flight 0") && strings.Contains(string(text), "mspecc_examples_total 524")
	})
}

// A request that waits too long is answered; its examples are not computed any more.
func TestTimeout(t *testing.T) {
	var g *gate
	f := start(t, func(p *runtime.Program, c *Config) {
		g = gated(p)
		c.Timeout = 200 * time.Millisecond
	})
	go f.post(typeJSON, jsonBody(t, nested(example(0))))
	<-g.entered
	status, a, h := f.post(typeJSON, jsonBody(t, nested(example(1)), nested(example(2))))
	if status != 503 || a.Error.Code != "timeout" || h.Get("Retry-After") == "" {
		t.Errorf("status %d, %+v", status, a)
	}
	close(g.open)
	f.waitUntil("the queue is empty", func() bool { return f.s.batcher.queued() == 0 })
	if status, _, _ := f.post(typeJSON, jsonBody(t, nested(example(3)))); status != 200 {
		t.Errorf("later: status %d", status)
	}
	if _, text, _ := f.do("GET", "/metrics", "", nil); !strings.Contains(string(text), "mspecc_examples_total 2") {
		t.Error("examples nobody waited for were computed")
	}
}

// A client that goes away takes its examples out of the queue.
func TestClientGone(t *testing.T) {
	var g *gate
	f := start(t, func(p *runtime.Program, c *Config) { g = gated(p) })
	go f.post(typeJSON, jsonBody(t, nested(example(0))))
	<-g.entered
	ctx, cancel := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, "POST", f.url+"/v1/embeddings", jsonBody(t, nested(example(1))))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", typeJSON)
	gone := make(chan struct{})
	go func() {
		if resp, err := http.DefaultClient.Do(r); err == nil {
			resp.Body.Close()
			t.Error("the request was answered")
		}
		close(gone)
	}()
	f.waitUntil("the request waits", func() bool { return f.s.batcher.queued() == 1 })
	cancel()
	<-gone
	f.waitUntil("the server knows", func() bool {
		f.s.batcher.mu.Lock()
		defer f.s.batcher.mu.Unlock()
		return len(f.s.batcher.queue) == 1 && f.s.batcher.queue[0].ctx.Err() != nil
	})
	close(g.open)
	f.waitUntil("the queue is empty", func() bool { return f.s.batcher.queued() == 0 })
	if _, text, _ := f.do("GET", "/metrics", "", nil); !strings.Contains(string(text), "mspecc_examples_total 1\n") {
		t.Error("the examples of a client that is gone were computed")
	}
}

func TestShutdown(t *testing.T) {
	var g *gate
	f := start(t, func(p *runtime.Program, c *Config) { g = gated(p) })
	results := make(chan int, 2)
	ask := func() {
		status, a, _ := f.post(typeJSON, jsonBody(t, nested(example(5))))
		if status == 200 && !near(a.Features[0], f.want(example(5))) {
			status = -1
		}
		results <- status
	}
	go ask() // being computed
	<-g.entered
	go ask() // waiting
	f.waitUntil("the second request waits", func() bool { return f.s.batcher.queued() == 1 })
	f.cancel()
	f.waitUntil("no more requests are taken", func() bool { return f.s.stop.Err() != nil })
	select {
	case err := <-f.ended:
		t.Fatalf("the server ended with requests under way: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	if c, err := net.Dial("tcp", f.addr); err == nil {
		c.Close()
		f.waitUntil("the port is closed", func() bool {
			c, err := net.Dial("tcp", f.addr)
			if err == nil {
				c.Close()
			}
			return err != nil
		})
	}
	close(g.open)
	for range 2 {
		if status := <-results; status != 200 {
			t.Errorf("a request under way: status %d", status)
		}
	}
	err := <-f.ended
	f.ended <- err
	if err != nil {
		t.Error(err)
	}
}

// What takes longer than the time of grace is cut off, and the server says so.
func TestShutdownGrace(t *testing.T) {
	var g *gate
	f := start(t, func(p *runtime.Program, c *Config) {
		g = gated(p)
		c.Grace = 100 * time.Millisecond
	})
	for range 2 {
		go func() {
			if resp, err := http.Post(f.url+"/v1/embeddings", typeJSON, jsonBody(t, nested(example(0)))); err == nil {
				resp.Body.Close()
			}
		}()
	}
	<-g.entered
	f.cancel()
	time.AfterFunc(400*time.Millisecond, func() { close(g.open) }) // a batch under way cannot be stopped
	err := <-f.ended
	f.ended <- err
	if err == nil || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("error %v", err)
	}
}

// A kernel that fails is an answer with 500, features that are no numbers one with 422; the
// server goes on.
func TestFailures(t *testing.T) {
	mode := ""
	f := start(t, func(p *runtime.Program, _ *Config) {
		for _, fn := range append(p.Small, p.Features) {
			run, out := fn.Run, fn.Outputs[0]
			fn.Run = func(m *runtime.Machine) {
				run(m)
				switch mode {
				case "panic":
					panic("a kernel of the test")
				case "nan":
					m.Floats(out)[0] = float32(math.NaN())
				}
			}
		}
	})
	for _, c := range []struct {
		mode    string
		status  int
		code    string
		message string
	}{{"panic", 500, "internal", "failed"}, {"", 200, "", ""}, {"nan", 422, "features", "the features of input 0 are not finite"}, {"", 200, "", ""}} {
		mode = c.mode
		status, a, _ := f.post(typeJSON, jsonBody(t, nested(example(0))))
		if status != c.status || a.Error.Code != c.code || !strings.Contains(a.Error.Message, c.message) {
			t.Errorf("%q: status %d, %+v", c.mode, status, a.Error)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for want, change := range map[string]func(p *runtime.Program){
		"computes no features": func(p *runtime.Program) { p.Features = nil },
		"depend on the rest of its batch": func(p *runtime.Program) {
			run, out := p.Features.Run, p.Features.Outputs[0]
			p.Features.Run = func(m *runtime.Machine) {
				run(m)
				m.Floats(out)[0] += m.Floats(out)[9]
			}
		},
	} {
		p := tiny.Program()
		change(p)
		m, err := runtime.NewMachine(p, 1)
		if err != nil {
			t.Fatal(err)
		}
		m.Initialize(1)
		if _, err := New(Config{Machine: m}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, expected %q", err, want)
		}
		m.Close()
	}
}

func TestLoopback(t *testing.T) {
	for address, want := range map[string]bool{"127.0.0.1:80": true, "localhost:0": true, "[::1]:1": true, "127.9.9.9:1": true,
		":80": false, "0.0.0.0:80": false, "[::]:80": false, "192.168.1.2:80": false, "example.com:80": false} {
		if got, err := Loopback(address); got != want || err != nil {
			t.Errorf("%s: %v, %v", address, got, err)
		}
	}
	if _, err := Loopback("nonsense"); err == nil {
		t.Error("nonsense was accepted")
	}
}
