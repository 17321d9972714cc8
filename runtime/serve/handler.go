package serve

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// The types of bodies.
const (
	typeJSON = "application/json"
	typeRaw  = "application/octet-stream"
)

// failure is an answer that is not 200.
type failure struct {
	status int
	code   string // for programs
	msg    string // for people
	retry  bool   // later it may work
}

func (f *failure) Error() string { return f.msg }

func fail(status int, code, format string, args ...any) *failure {
	return &failure{status, code, fmt.Sprintf(format, args...), status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable}
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // a client that is gone does not matter
}

func writeError(w http.ResponseWriter, status int, code, msg string) {
	w.Header().Set("Content-Type", typeJSON)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]string{"code": code, "message": msg}})
}

// guarded lets requests through that have the token. Without one only requests to this
// machine by its own name pass: a page in a browser cannot reach the server under another.
func (s *Server) guarded(next http.Handler) http.Handler {
	want := sha256.Sum256([]byte(s.Token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.Token != "" {
			scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
			got := sha256.Sum256([]byte(token))
			if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
				w.Header().Set("WWW-Authenticate", "Bearer")
				writeError(w, http.StatusUnauthorized, "token", "send the header Authorization: Bearer TOKEN")
				return
			}
		} else if host, _, err := net.SplitHostPort(r.Host); !loopbackHost(strings.Trim(r.Host, "[]")) && (err != nil || !loopbackHost(host)) {
			writeError(w, http.StatusForbidden, "host", "without a token only requests to localhost are answered, not to "+strconv.Quote(r.Host))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// embeddings answers POST /v1/embeddings.
func (s *Server) embeddings(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	s.metrics.inFlight.Inc()
	in, out, err := s.embed(w, r)
	status := http.StatusOK
	if err != nil {
		status = s.refuse(w, err)
	} else {
		err = s.answer(w, r, in, out)
	}
	s.metrics.inFlight.Dec()
	s.metrics.requests.WithLabelValues(strconv.Itoa(status)).Inc()
	s.metrics.seconds.Observe(time.Since(start).Seconds())
	if s.AccessLog {
		n := 0
		if in != nil {
			n = in.n
		}
		s.Log.Info("request", "from", r.RemoteAddr, "status", status, "inputs", n, "seconds", time.Since(start).Seconds(), "error", err)
	}
}

// refuse answers with an error and gives its status.
func (s *Server) refuse(w http.ResponseWriter, err error) int {
	var f *failure
	if !errors.As(err, &f) {
		s.Log.Error("computing features failed", "error", err)
		f = fail(http.StatusInternalServerError, "internal", "computing the features failed; the server's log says why")
	}
	if f.retry {
		w.Header().Set("Retry-After", "1")
	}
	s.metrics.refused.WithLabelValues(f.code).Inc()
	s.deadline(w, s.Write)
	writeError(w, f.status, f.code, f.msg)
	return f.status
}

// deadline limits the time to send what comes next.
func (s *Server) deadline(w http.ResponseWriter, d time.Duration) {
	// A connection that has no deadlines, as in tests without a network, does without.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(d))
}

// embed reads a request and computes its features.
func (s *Server) embed(w http.ResponseWriter, r *http.Request) (*inputs, []float32, error) {
	raw, f := bodyType(r)
	if f != nil {
		return nil, nil, f
	}
	in, err := s.read(w, r, raw)
	if err != nil {
		return nil, nil, err
	}
	if !s.slots.TryAcquire(1) { // after reading, so that clients who send slowly take none
		return in, nil, fail(http.StatusTooManyRequests, "busy", "%d requests are being worked on, no more are taken", s.Requests)
	}
	defer s.slots.Release(1)
	out, err := s.features(r.Context(), in)
	return in, out, err
}

// bodyType says whether the body is raw numbers; it refuses what is neither that nor JSON.
func bodyType(r *http.Request) (raw bool, err *failure) {
	if e := r.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return false, fail(http.StatusUnsupportedMediaType, "encoding", "the body is encoded as %q, expected none", e)
	}
	kind, _, e := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case e == nil && kind == typeJSON:
		return false, nil
	case e == nil && kind == typeRaw:
		return true, nil
	}
	return false, fail(http.StatusUnsupportedMediaType, "type", "the body's Content-Type is %q, expected %s or %s", r.Header.Get("Content-Type"), typeJSON, typeRaw)
}

// read receives a request's body, within its time and its share of memory.
func (s *Server) read(w http.ResponseWriter, r *http.Request, raw bool) (*inputs, error) {
	if r.ContentLength > s.MaxBody {
		return nil, s.tooLarge()
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.Read))
	body, release, err := s.memory.receive(http.MaxBytesReader(w, r.Body, s.MaxBody), r.ContentLength, s.MaxBody)
	defer release()
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, s.tooLarge()
	case errors.Is(err, errNoMemory):
		return nil, fail(http.StatusTooManyRequests, "memory", "%v", err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		w.Header().Set("Connection", "close")
		return nil, fail(http.StatusRequestTimeout, "slow", "the body did not arrive within %v", s.Read)
	case err != nil:
		w.Header().Set("Connection", "close")
		return nil, fail(http.StatusBadRequest, "body", "the body ended early: %v", err)
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	parse := s.reader.json
	if raw {
		parse = s.reader.raw
	}
	in, err := parse(body, s.Queue)
	if errors.Is(err, errTooMany) {
		return nil, fail(http.StatusRequestEntityTooLarge, "inputs", "the request has more than %d inputs, which is as many as are taken at once", s.Queue)
	}
	if err != nil {
		return nil, fail(http.StatusBadRequest, "input", "%v", err)
	}
	return in, nil
}

func (s *Server) tooLarge() error {
	return fail(http.StatusRequestEntityTooLarge, "body", "the body has more than %d bytes", s.MaxBody)
}

// features waits for the features of a request's examples.
func (s *Server) features(ctx context.Context, in *inputs) ([]float32, error) {
	limited, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	c := &call{ctx: limited, in: in, n: in.n, out: make([]float32, in.n*s.batcher.width)}
	switch err := s.batcher.submit(c); err {
	case nil:
	case errFull:
		return nil, fail(http.StatusTooManyRequests, "queue", "%d examples are waiting, the %d of this request do not fit behind them", s.Queue, in.n)
	default:
		return nil, fail(http.StatusServiceUnavailable, "stopping", "the server is stopping")
	}
	select {
	case <-c.finished:
	case <-limited.Done():
		if ctx.Err() != nil {
			return nil, fail(http.StatusServiceUnavailable, "gone", "the client is gone") // nobody reads it
		}
		return nil, fail(http.StatusServiceUnavailable, "timeout", "the features were not ready within %v", s.Timeout)
	}
	var bad inputError
	switch {
	case errors.As(c.err, &bad):
		return nil, fail(http.StatusUnprocessableEntity, "features", "%v", bad)
	case errors.Is(c.err, context.DeadlineExceeded):
		return nil, fail(http.StatusServiceUnavailable, "timeout", "the features were not ready within %v", s.Timeout)
	case c.err != nil:
		return nil, c.err
	}
	return c.out, nil
}

// answer sends features: raw where the client asks for it, or has sent raw numbers and does
// not ask for JSON.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, in *inputs, out []float32) error {
	accept := r.Header.Get("Accept")
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	raw := strings.Contains(accept, typeRaw) || kind == typeRaw && !strings.Contains(accept, typeJSON)
	width := s.batcher.width
	s.deadline(w, s.Write)
	h := w.Header()
	h.Set("X-Features-Shape", fmt.Sprintf("%d,%d", in.n, width))
	h.Set("X-Content-Type-Options", "nosniff")
	if raw {
		h.Set("Content-Type", typeRaw)
		h.Set("Content-Length", strconv.Itoa(4*len(out)))
		body := make([]byte, 0, 4*len(out))
		for _, v := range out {
			body = binary.LittleEndian.AppendUint32(body, math.Float32bits(v))
		}
		_, err := w.Write(body)
		return err
	}
	h.Set("Content-Type", typeJSON)
	rows := make([][]float32, in.n)
	for i := range rows {
		rows[i] = out[i*width : (i+1)*width]
	}
	p := s.Machine.Program
	return json.NewEncoder(w).Encode(map[string]any{"model": p.Name, "modality": p.Modality.Name, "step": s.Step, "width": width, "features": rows})
}

// model answers GET /v1/model.
func (s *Server) model(w http.ResponseWriter, _ *http.Request) {
	p := s.Machine.Program
	var batches []int
	for _, f := range s.batcher.functions {
		batches = append(batches, batch(f))
	}
	var columns []string
	for _, c := range s.reader[0].columns {
		columns = append(columns, c.name)
	}
	s.deadline(w, s.Write)
	w.Header().Set("Content-Type", typeJSON)
	_ = json.NewEncoder(w).Encode(map[string]any{"columns": columns, "model": p.Name, "modality": p.Modality, "spec_digest": p.Digest, "target": p.Target, "checkpoint": s.Checkpoint,
		"step": s.Step, "parameters": p.ParamCount(), "input": s.reader.typeString(), "width": s.batcher.width, "batches": batches,
		"max_body_bytes": s.MaxBody, "max_inputs": s.Queue})
}
