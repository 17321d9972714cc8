package serve

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"io"
	"math"
	"math/big"
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
		p.Modality.Inputs[0] = runtime.Input{Shape: []int{16}, DType: runtime.I32, Vocab: 9}
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
		{400, "input", "unknown member \"model\": OpenAI's API has it", typeJSON, text(`{"model":"m","input":["a"]}`), nil},
		{400, "input", "unknown member \"more\"", typeJSON, text(`{"inputs":[],"more":1}`), nil},
		{400, "input", "text follows", typeJSON, text(`{"inputs":[[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]]} x`), nil},
		{400, "input", "empty or missing", typeJSON, text(`{}`), nil},
		{400, "input", "inputs occurs twice", typeJSON, text(`{"inputs":[],"inputs":[]}`), nil},
		{400, "input", "unexpected EOF", typeJSON, text(`{"inputs":[[1,2`), nil},
		{400, "input", "expected \"[\"", typeJSON, text(`{"inputs":5}`), nil},
		{400, "input", "not {\"inputs\": [...]}", typeJSON, text(`[1]`), nil},
		{400, "input", "not {\"inputs\": [...]}", typeJSON, text(``), nil},
		{413, "inputs", "more than 16 inputs", typeRaw, bytes.NewReader(make([]byte, 17*64)), nil},
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
		{413, "inputs", "more than 16 inputs", typeJSON, jsonBody(t, many...), nil},
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
				m.Floats(out)[0] += m.Floats(out)[9] // the second example's
				m.Floats(out)[35] += m.Floats(out)[9]
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

func TestTLS(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, about, about, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	f := start(t, func(_ *runtime.Program, c *Config) {
		c.Certificate = &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
		c.Read = 300 * time.Millisecond
	})
	known := x509.NewCertPool()
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	known.AddCert(cert)
	for _, two := range []bool{false, true} { // HTTP/1.1 and HTTP/2
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: known}, ForceAttemptHTTP2: two}
		client := &http.Client{Transport: transport}
		resp, err := client.Post("https://"+f.addr+"/v1/embeddings", typeJSON, jsonBody(t, nested(example(0))))
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != 200 || (resp.ProtoMajor == 2) != two {
			t.Errorf("%s: status %d, %s", resp.Proto, resp.StatusCode, raw)
		}
		// a body that never ends
		reader, writer := io.Pipe()
		go writer.Write([]byte("{"))
		resp, err = client.Post("https://"+f.addr+"/v1/embeddings", typeJSON, reader)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		writer.Close()
		if resp.StatusCode != 408 {
			t.Errorf("%s: a slow body: status %d", resp.Proto, resp.StatusCode)
		}
		transport.CloseIdleConnections()
	}
	if resp, err := http.Get("http://" + f.addr + "/healthz"); err == nil {
		resp.Body.Close()
		if resp.StatusCode == 200 {
			t.Error("answered without encryption")
		}
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
