package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"mspecc/runtime/internal/tiny"
)

// serveCases are those of the server: files that it is given, and what it answers.
var serveCases = map[string]flagCase{
	"serve --checkpoint": {args: "serve --tls-cert x --tls-key y", with: "--checkpoint run", want: "certificate cannot be used"},
	"serve --listen":     {args: "serve --checkpoint run --tls-cert x --tls-key y", with: "--listen 0.0.0.0:0", want: "is reached from other machines"},
	"serve --openapi":    {args: "serve --checkpoint run --tls-cert x --tls-key y", with: "--openapi", want: `"title"`},
	"serve --tls-cert":   {args: "serve --checkpoint run --tls-key y", with: "--tls-cert x", want: "open x"},
	"serve --tls-key":    {args: "serve --checkpoint run --tls-cert run/run.json", with: "--tls-key y", want: "open y"},
	"serve --token-file": {args: "serve --openapi", with: "--token-file token", want: "securitySchemes"},

	"serve --access-log": {proof: func(t *testing.T) {
		s := serveOn(t, "--access-log")
		if code := s.post(t, one); code != 200 {
			t.Errorf("status %d", code)
		}
		s.stop()
		if !strings.Contains(s.out.String(), "msg=request") {
			t.Errorf("no line of the request:\n%s", s.out.String())
		}
	}},
	"serve --batch-wait": {proof: func(t *testing.T) { post(t, 503, one, "--batch-wait", "1h", "--timeout", "100ms") }},
	"serve --timeout":    {proof: func(t *testing.T) { post(t, 503, one, "--batch-wait", "1h", "--timeout", "100ms") }},
	"serve --max-body":   {proof: func(t *testing.T) { post(t, 413, large(2<<20), "--max-body", "1") }},
	"serve --max-memory": {proof: func(t *testing.T) {
		s := serveOn(t, "--max-body", "1", "--max-memory", "1", "--grace", "10ms")
		s.hang(t, 900<<10)
		s.busy(t)
		s.until(t, 429, large(900<<10))
	}},
	"serve --max-requests": {proof: func(t *testing.T) { full(t, "--max-requests", "1") }},
	"serve --queue":        {proof: func(t *testing.T) { full(t, "--queue", "1") }},
	"serve --read-timeout": {proof: func(t *testing.T) {
		s := serveOn(t, "--read-timeout", "50ms")
		c := s.hang(t, 10)
		line, err := bufio.NewReader(c).ReadString('\n')
		if !strings.Contains(line, "408") {
			t.Errorf("answer %q, %v", line, err)
		}
	}},
	"serve --drain": {proof: func(t *testing.T) {
		s := serveOn(t, "--drain", "1h")
		signalMyself(t, syscall.SIGTERM)
		for ready := 0; ready != 503; {
			r, err := http.Get(s.url + "/readyz")
			if err != nil {
				t.Fatal(err)
			}
			r.Body.Close()
			ready = r.StatusCode
		}
		if code := s.post(t, one); code != 200 {
			t.Errorf("a request while the server drains: status %d", code)
		}
		s.stop()
		if code := s.post(t, one); code != 0 {
			t.Errorf("a request when the server has ended: status %d", code)
		}
	}},
	"serve --grace": {proof: func(t *testing.T) {
		s := serveOn(t, "--grace", "10ms", "--read-timeout", "10m")
		s.hang(t, 10)
		s.stop()
	}},
}

// one is a request of one example.
var one = []byte(`{"inputs": [[0,0,0,0, 0,1,0,0, 0,0,0.5,0, 0,0,0,1]]}`)

// large is a request of so many bytes, none of which is a number.
func large(n int) []byte { return bytes.Repeat([]byte{' '}, n) }

// post expects a status of a new server.
func post(t *testing.T, want int, body []byte, args ...string) {
	s := serveOn(t, args...)
	if code := s.post(t, body); code != want {
		t.Errorf("status %d, expected %d", code, want)
	}
}

// full is a server with room for one request, which waits.
func full(t *testing.T, args ...string) {
	s := serveOn(t, append(args, "--batch-wait", "1h", "--grace", "10ms")...)
	go s.post(t, one)
	s.busy(t)
	if code := s.post(t, one); code != 429 {
		t.Errorf("status %d, expected 429", code)
	}
}

// served is a server in this process.
type served struct {
	url  string
	out  *safeBuffer
	stop func()
}

// serveOn serves a new checkpoint with more arguments.
func serveOn(t *testing.T, args ...string) *served {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	var said safeBuffer
	if code := Run(context.Background(), "tiny", []string{"train", "--steps", "2", "--out", "run", "--quiet"}, &said, &said, tiny.Program()); code != 0 {
		t.Fatal(said.String())
	}
	ctx, cancel := context.WithCancel(context.Background())
	r, w := io.Pipe()
	s := &served{out: &safeBuffer{}}
	done := make(chan int)
	go func() {
		code := Run(ctx, "tiny", append([]string{"serve", "--checkpoint", filepath.Join(dir, "run"), "--listen", "127.0.0.1:0", "--json"}, args...), w, s.out, tiny.Program())
		w.Close()
		done <- code
		close(done)
	}()
	s.stop = func() {
		cancel()
		select {
		case <-done:
		case <-time.After(25 * time.Second):
			t.Error("the server does not end")
		}
	}
	t.Cleanup(s.stop)
	line, err := bufio.NewReader(r).ReadString('\n')
	var first struct{ Listen string }
	if json.Unmarshal([]byte(line), &first) != nil {
		t.Fatalf("the server says %q (%v)\n%s", line, err, s.out.String())
	}
	go func() { _, _ = io.Copy(io.Discard, r) }()
	s.url = first.Listen
	return s
}

// post gives the status of a request, 0 where the connection fails.
func (s *served) post(t *testing.T, body []byte) int {
	r, err := http.Post(s.url+"/v1/embeddings", "application/json", bytes.NewReader(body))
	if err != nil {
		return 0
	}
	defer r.Body.Close()
	_, _ = io.Copy(io.Discard, r.Body)
	return r.StatusCode
}

// busy waits until the server works on a request.
func (s *served) busy(t *testing.T) {
	t.Helper()
	for range 5000 {
		r, err := http.Get(s.url + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(r.Body)
		r.Body.Close()
		if strings.Contains(string(text), "mspecc_requests_in_flight 1") {
			return
		}
	}
	t.Error("the server never sees the request")
}

// until asks again until the answer is the wanted one: the server may not yet have seen the request before.
func (s *served) until(t *testing.T, want int, body []byte) {
	t.Helper()
	code := 0
	for range 500 {
		if code = s.post(t, body); code == want {
			return
		}
	}
	t.Errorf("status %d, expected %d", code, want)
}

// hang begins a request and sends but so many bytes of its body.
func (s *served) hang(t *testing.T, n int) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	fmt.Fprintf(c, "POST /v1/embeddings HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", c.RemoteAddr(), n+100)
	if _, err := c.Write(large(n)); err != nil {
		t.Fatal(err)
	}
	return c
}

// writeToken puts a token into the folder of the cases.
func writeToken() error { return os.WriteFile("token", []byte("0123456789abcdef"), 0o600) }
