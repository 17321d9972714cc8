package serve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"mspecc/runtime"
)

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

	blanks := bytes.Repeat([]byte{' '}, 900<<10)
	large := func() (status int, a answer) {
		status, a, _ = f.post(typeJSON, io.MultiReader(bytes.NewReader(blanks), jsonBody(t, nested(example(0)))))
		return status, a
	}
	f = start(t, func(_ *runtime.Program, c *Config) { c.MaxBody, c.Memory, c.Read = 1<<20, 1<<20, time.Minute })
	slow := slowBody(t, f, 1<<20)
	if _, err := slow.Write(blanks); err != nil {
		t.Fatal(err)
	}
	f.waitUntil("another large body is refused", func() bool {
		status, a := large()
		return status == 429 && a.Error.Code == "memory"
	})
	if status, a, _ := f.post(typeJSON, jsonBody(t, nested(example(0)))); status != 200 {
		t.Errorf("a small body beside a large one: status %d, %+v", status, a)
	}
	slow.Close()
	f.waitUntil("the share is given back", func() bool {
		status, _ := large()
		return status == 200
	})
}

// Bodies that are announced and do not come keep nobody out, large or small, with a length or without.
func TestAnnouncedBodiesTakeNoMemory(t *testing.T) {
	f := start(t, func(_ *runtime.Program, c *Config) { c.Read = time.Minute })
	for i := range 20 { // three of them had all memory
		if i%2 == 0 {
			slowBody(t, f, int(f.s.MaxBody))
			continue
		}
		c, err := net.Dial("tcp", f.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		fmt.Fprintf(c, "POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", typeJSON)
	}
	f.waitUntil("all are there", func() bool {
		_, text, _ := f.do("GET", "/metrics", "", nil)
		return strings.Contains(string(text), "mspecc_requests_in_flight 20\n")
	})
	if status, a, _ := f.post(typeJSON, jsonBody(t, nested(example(0)))); status != 200 {
		t.Errorf("a small body: status %d, %+v", status, a)
	}
	large := io.MultiReader(bytes.NewReader(bytes.Repeat([]byte{' '}, 20<<20)), jsonBody(t, nested(example(0))))
	if status, a, _ := f.post(typeJSON, large); status != 200 {
		t.Errorf("a large body: status %d, %+v", status, a)
	}
}

// A server that is about to stop says so to balancers, and still answers all that comes.
func TestDrain(t *testing.T) {
	f := start(t, nil)
	f.s.Drain()
	if status, _, _ := f.do("GET", "/readyz", "", nil); status != 503 {
		t.Errorf("/readyz: status %d", status)
	}
	if status, _, _ := f.do("GET", "/healthz", "", nil); status != 200 {
		t.Errorf("/healthz: status %d", status)
	}
	for range 8 {
		r, err := http.Post(f.url+"/v1/embeddings", typeJSON, jsonBody(t, nested(example(0))))
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != 200 || !r.Close {
			t.Errorf("status %d; the connection is closed: %v", r.StatusCode, r.Close)
		}
	}
}

// Errors are JSON also where a path or a method is not one of the API's. What net/http answers before there
// is a request is not, and the documentation lists it.
func TestErrorsAreJSON(t *testing.T) {
	f := start(t, nil)
	ask := func(request string) string {
		c, err := net.Dial("tcp", f.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, request); err != nil {
			t.Fatal(err)
		}
		return readAll(t, c, 5*time.Second)
	}
	const host = " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
	for _, line := range []string{"GET /nothing", "GET //v1/model", "POST /v1/../v1/embeddings", "GET /v1/model/", "OPTIONS *", "DELETE /v1/model", "CONNECT localhost:80",
		"GET http://localhost/nothing", "POST /readyz", "POST /v1/embeddings", "PRI /v1/embeddings"} {
		head, body, _ := strings.Cut(ask(line+host+"\r\n"), "\r\n\r\n")
		if !strings.Contains(head, "Content-Type: "+typeJSON+"\r\n") || !strings.Contains(body, `"error"`) {
			t.Errorf("%s: %q, %q", line, head, body)
		}
	}
	if got := ask("GET /nothing HTTP/1.0\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.0 404 ") || !strings.Contains(got, `"error"`) {
		t.Errorf("HTTP/1.0: %q", got)
	}
	for status, request := range map[string]string{
		"400": "nothing\r\n\r\n",
		"417": "POST /v1/embeddings" + host + "Expect: much\r\n\r\n",
		"431": "GET /readyz" + host + "X: " + strings.Repeat("x", 64<<10) + "\r\n\r\n",
		"501": "POST /v1/embeddings" + host + "Transfer-Encoding: gzip\r\n\r\n",
		"505": "GET /readyz HTTP/3.0\r\nHost: localhost\r\n\r\n",
	} {
		if got := ask(request); !strings.HasPrefix(got, "HTTP/1.1 "+status) || strings.Contains(got, `"error"`) {
			t.Errorf("%s: %q", status, got)
		}
	}
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
	for range f.s.Requests { // more slow clients than requests that are worked on
		slowBody(t, f, 1000)
	}
	if status, a, _ := f.post(typeJSON, jsonBody(t, nested(example(0)))); status != 200 {
		t.Errorf("another client: status %d, %+v", status, a.Error)
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
	f.waitUntil("no more requests are taken", func() bool { return f.s.ending.Load() })
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

// Whatever becomes of a body, its memory is given back.
func TestMemoryIsGivenBack(t *testing.T) {
	f := start(t, func(_ *runtime.Program, c *Config) {
		c.MaxBody, c.Memory, c.Read = 1<<20, 128<<20, 300*time.Millisecond
	})
	const head = "POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: " + typeJSON + "\r\n"
	blanks := strings.Repeat(" ", 700<<10)
	chunk := fmt.Sprintf("%x\r\n%s\r\n", len(blanks), blanks)
	var all sync.WaitGroup
	for want, request := range map[string]string{
		"HTTP/1.1 400 (an empty body)":         head + "Content-Length: 0\r\n\r\n",
		"HTTP/1.1 400 (blanks)":                head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(blanks), blanks),
		"HTTP/1.1 400 (blanks in a chunk)":     head + "Transfer-Encoding: chunked\r\n\r\n" + chunk + "0\r\n\r\n",
		"HTTP/1.1 413 (chunks without end)":    head + "Transfer-Encoding: chunked\r\n\r\n" + chunk + chunk + chunk,
		"HTTP/1.1 413 (a length of too much)":  head + "Content-Length: 100000000\r\n\r\n",
		"HTTP/1.1 400 (no chunk)":              head + "Transfer-Encoding: chunked\r\n\r\nnothing\r\n",
		"HTTP/1.1 408 (a body that stops)":     head + fmt.Sprintf("Content-Length: 1000000\r\n\r\n%s", blanks),
		"HTTP/1.1 408 (chunks that stop)":      head + "Transfer-Encoding: chunked\r\n\r\n" + chunk,
		"HTTP/1.0 400 (no length in HTTP/1.0)": strings.Replace(head, "HTTP/1.1", "HTTP/1.0", 1) + "\r\n" + blanks,
		"HTTP/1.0 400 (a length in HTTP/1.0)":  strings.Replace(head, "HTTP/1.1", "HTTP/1.0", 1) + "Content-Length: 2\r\n\r\n{}",
	} {
		all.Go(func() {
			c, err := net.Dial("tcp", f.addr)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			go func() { _, _ = io.WriteString(c, request) }() // the server may answer before it has all
			got := make([]byte, len("HTTP/1.1 200"))
			if _, err := io.ReadFull(c, got); err != nil || !strings.HasPrefix(want, string(got)) {
				t.Errorf("%s: answer %q, %v", want, got, err)
			}
		})
	}
	all.Wait()
	f.waitUntil("all memory is free", func() bool {
		f.s.memory.mu.Lock()
		defer f.s.memory.mu.Unlock()
		return f.s.memory.free == f.s.memory.size
	})
	if status, _, _ := f.post(typeJSON, jsonBody(t, nested(example(0)))); status != 200 {
		t.Errorf("status %d", status)
	}
}
