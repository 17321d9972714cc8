// Package serve answers requests for embeddings over HTTP. The examples of all requests go
// through one queue, whose length is bounded, into batches; a request that would not fit is
// turned away at once. Nothing a client sends or fails to send holds the server up: bodies
// are bounded, and reading, waiting and writing have time limits.
package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"mspecc/runtime"
	"mspecc/runtime/data"
)

// Config says how to serve.
type Config struct {
	Machine      *runtime.Machine // with the parameters; the server alone uses it from now on
	Checkpoint   string           // what was loaded, for clients to see
	Step         int
	data.Learned // what texts become tokens with, and values are scaled with

	Token       string // clients must send it; "": only this machine's clients are served
	Certificate *tls.Certificate
	Log         *slog.Logger
	AccessLog   bool // a line for each request

	MaxBody  int64         // bytes of a request's body
	Memory   int64         // bytes of all bodies at a time
	Requests int           // requests that are worked on at a time
	Queue    int           // examples that wait at a time
	Wait     time.Duration // how long a first example waits for others to share its batch
	Read     time.Duration // to receive a request
	Timeout  time.Duration // from then to the features
	Write    time.Duration // to send the answer
	Grace    time.Duration // for requests under way when the server stops
}

// Defaults fills in what is zero.
func (c *Config) Defaults() {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&c.Read, 30*time.Second)
	set(&c.Timeout, 30*time.Second)
	set(&c.Write, 30*time.Second)
	set(&c.Grace, 30*time.Second)
	if c.MaxBody == 0 {
		c.MaxBody = 32 << 20
	}
	if c.Memory == 0 {
		c.Memory = 512 << 20
	}
	if c.Requests == 0 {
		c.Requests = 256
	}
	if c.Queue == 0 {
		c.Queue = max(256, 8*c.Machine.Program.Batch)
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

// Server answers requests.
type Server struct {
	Config
	batcher *batcher
	metrics *metrics
	reader  reader
	memory  *memory
	slots   *semaphore.Weighted // requests
	ending  atomic.Bool         // no longer ready
	http    *http.Server
}

// New makes a server and starts its worker; Serve ends it.
func New(c Config) (*Server, error) {
	c.Defaults()
	p := c.Machine.Program
	s := &Server{Config: c, reader: newReader(p.Modality, c.Learned), memory: newMemory(c.Memory), slots: semaphore.NewWeighted(int64(c.Requests))}
	var w data.Want
	for _, in := range p.Modality.Inputs {
		w = append(w, data.Input{Name: in.Name, Shape: in.Shape, Tokens: in.DType == runtime.I32, Vocab: in.Vocab})
	}
	if err := c.Learned.Fits(w); err != nil {
		return nil, err
	}
	s.metrics = newMetrics(map[string]string{"model": p.Name, "modality": p.Modality.Name, "step": strconv.Itoa(c.Step), "target": p.Target, "spec_digest": p.Digest}, p.Batch)
	var err error
	if s.batcher, err = newBatcher(c.Machine, c.Queue, c.Wait, s.metrics); err != nil {
		return nil, err
	}
	s.http = &http.Server{Handler: s.routes(), ReadHeaderTimeout: min(10*time.Second, c.Read), ReadTimeout: c.Read, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10,
		DisableGeneralOptionsHandler: true, // its answer is not the API's
		ErrorLog:                     slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug)}
	return s, nil
}

// Loopback says whether an address to listen on is reached from this machine alone.
func Loopback(address string) (bool, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false, fmt.Errorf("%q is no address, expected HOST:PORT", address)
	}
	return loopbackHost(host), nil
}

func loopbackHost(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// Drain says to balancers that the server is about to stop: /readyz is no longer ready, and
// connections are closed behind their next answer. All requests are still answered.
func (s *Server) Drain() {
	s.ending.Store(true)
	s.metrics.draining.Set(1)
}

// Serve answers requests on a listener until ctx ends. Then it takes no more, finishes those
// that it has within the time of grace, and returns nil; an error says that some were cut off.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	failed := make(chan error, 1)
	go func() {
		if s.Certificate != nil {
			s.http.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*s.Certificate}, MinVersion: tls.VersionTLS12}
			failed <- s.http.ServeTLS(l, "", "")
			return
		}
		failed <- s.http.Serve(l)
	}()
	select {
	case err := <-failed:
		s.batcher.close()
		return fmt.Errorf("serving on %s failed: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	s.Drain()
	s.Log.Info("stopping", "grace", s.Grace)
	grace, cancel := context.WithTimeout(context.Background(), s.Grace)
	defer cancel()
	err := s.http.Shutdown(grace)
	if err != nil {
		_ = s.http.Close() // cuts the rest off; their contexts end, so that the queue empties
		err = fmt.Errorf("requests were still under way after %v and were cut off", s.Grace)
	}
	s.batcher.close()
	if e := <-failed; !errors.Is(e, http.ErrServerClosed) && err == nil {
		err = e
	}
	return err
}

// routes are the paths of the API; see openapi.go.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /v1/embeddings", s.guarded(http.HandlerFunc(s.embeddings)))
	mux.Handle("GET /v1/model", s.guarded(http.HandlerFunc(s.model)))
	mux.Handle("GET /metrics", s.guarded(s.metrics.handler()))
	mux.Handle("GET /openapi.json", s.guarded(http.HandlerFunc(s.openapi)))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { writeText(w, http.StatusOK, "ok\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if s.ending.Load() {
			writeText(w, http.StatusServiceUnavailable, "stopping\n")
			return
		}
		writeText(w, http.StatusOK, "ready\n")
	})
	paths := map[string]string{"/v1/embeddings": "POST", "/v1/model": "GET", "/metrics": "GET", "/openapi.json": "GET", "/healthz": "GET", "/readyz": "GET"}
	for path, methods := range paths {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", methods)
			writeError(w, http.StatusMethodNotAllowed, "method", fmt.Sprintf("%s is for %s, not %s", path, methods, r.Method))
		})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.ending.Load() {
			w.Header().Set("Connection", "close")
		}
		if paths[r.URL.Path] == "" { // mux would redirect what is only nearly a path
			writeError(w, http.StatusNotFound, "path", "there is no "+r.URL.Path+"; GET /openapi.json describes the API")
			return
		}
		mux.ServeHTTP(w, r)
	})
}
