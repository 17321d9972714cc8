package cli

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"mspecc/runtime/data"
	"mspecc/runtime/eval"
	"mspecc/runtime/files"
	"mspecc/runtime/serve"
)

// tokenVariable is the environment variable that may hold the token.
const tokenVariable = "MSPECC_TOKEN"

// minToken is the least length of a token: shorter ones can be guessed.
const minToken = 16

// serveFlags are the flags of serve.
type serveFlags struct {
	checkpoint, listen      string
	tokenFile               string
	tlsCert, tlsKey         string
	maxBody, memory         int
	requests, queue         int
	wait                    time.Duration
	read, timeout           time.Duration
	drain, grace            time.Duration
	accessLog, describeOnly bool
}

func (a *app) serve() *cobra.Command {
	var f serveFlags
	c := &cobra.Command{
		Use:         "serve",
		Annotations: map[string]string{outlives: "true"},
		Short:       "Answer requests for embeddings over HTTP",
		Long: `Answer requests for the features of a checkpoint over HTTP. Inputs that arrive together
share a batch.

  POST /v1/embeddings  {"inputs": [...]} or raw little-endian numbers; an input of tokens
                       may be a text where the model was trained with a built vocabulary
  GET  /v1/model       what is served: the input's shape, the number of features, limits
  GET  /openapi.json   the API, described in OpenAPI 3.1
  GET  /metrics        for Prometheus
  GET  /healthz, /readyz

It listens on this machine alone. To listen elsewhere it needs a token, in a file or in
the variable MSPECC_TOKEN, which clients send as Authorization: Bearer TOKEN; --tls-cert and
--tls-key encrypt. Beyond its limits it answers 413, 429 or 503 at once.

At SIGTERM /readyz answers 503 for the time of --drain, while all requests are still taken, so
that a balancer sends none any more when the port closes. Then, and at once after Ctrl-C, what
is under way is finished. A second signal ends at once.`,
		Example: `  BIN serve --checkpoint runs/a
  curl -s localhost:8080/v1/embeddings -H 'Content-Type: application/json' -d '{"inputs": [[...]]}'
  BIN serve --checkpoint runs/a --listen 0.0.0.0:8443 --token-file token --tls-cert c.pem --tls-key k.pem`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runServe(cmd.Context(), &f) },
	}
	fl := c.Flags()
	fl.StringVar(&f.checkpoint, "checkpoint", "", "checkpoint or run directory")
	fl.StringVar(&f.listen, "listen", "127.0.0.1:8080", "address to listen on; port 0 takes a free one")
	fl.StringVar(&f.tokenFile, "token-file", "", "file with the token that clients must send")
	fl.StringVar(&f.tlsCert, "tls-cert", "", "file with the certificate (PEM)")
	fl.StringVar(&f.tlsKey, "tls-key", "", "file with its key (PEM)")
	fl.IntVar(&f.maxBody, "max-body", 32, "largest body of a request, in MiB")
	fl.IntVar(&f.memory, "max-memory", 512, "memory for the bodies of all requests, in MiB; beyond it 429")
	fl.IntVar(&f.requests, "max-requests", 256, "requests that are worked on at a time; beyond it 429")
	fl.IntVar(&f.queue, "queue", 0, "examples that wait at a time; beyond it 429 (default 8 batches, at least 256)")
	fl.DurationVar(&f.wait, "batch-wait", 2*time.Millisecond, "how long a first input waits for others to share its batch")
	fl.DurationVar(&f.read, "read-timeout", 30*time.Second, "longest time to receive a request; beyond it 408")
	fl.DurationVar(&f.timeout, "timeout", 30*time.Second, "longest time from then to the features; beyond it 503")
	fl.DurationVar(&f.drain, "drain", 5*time.Second, "time from SIGTERM, and from /readyz no longer being ready, until no more requests are taken")
	fl.DurationVar(&f.grace, "grace", 30*time.Second, "time for requests under way from then on")
	fl.BoolVar(&f.accessLog, "access-log", false, "log every request")
	fl.BoolVar(&f.describeOnly, "openapi", false, "print the description of the API and end")
	return c
}

// check refuses flags that make no sense, and gives the token.
func (f *serveFlags) check() (token string, err error) {
	switch {
	case f.maxBody < 1 || f.memory < f.maxBody || f.maxBody > 1<<20:
		return "", usagef("--max-body is %d and --max-memory %d MiB, expected at least 1, and no less memory than a body", f.maxBody, f.memory)
	case f.requests < 1 || f.queue < 0:
		return "", usagef("--max-requests is %d and --queue %d, expected at least 1 and no negative number", f.requests, f.queue)
	case f.wait < 0 || f.drain < 0 || f.read <= 0 || f.timeout <= 0 || f.grace <= 0:
		return "", usagef("--batch-wait, --drain, --read-timeout, --timeout and --grace must not be negative, the last three not 0")
	case (f.tlsCert == "") != (f.tlsKey == ""):
		return "", usagef("--tls-cert and --tls-key belong together")
	}
	local, err := serve.Loopback(f.listen)
	if err != nil {
		return "", usagef("--listen: %v", err)
	}
	if token, err = f.token(); err != nil {
		return "", err
	}
	if token == "" && !local {
		return "", usagef("--listen %s is reached from other machines: give a token with --token-file or in %s, or listen on 127.0.0.1", f.listen, tokenVariable)
	}
	return token, nil
}

func (f *serveFlags) token() (string, error) {
	token, from := os.Getenv(tokenVariable), tokenVariable
	if f.tokenFile != "" {
		raw, err := files.ReadAny(f.tokenFile, maxSecret)
		if err != nil {
			return "", fmt.Errorf("the token cannot be read: %w", err)
		}
		token, from = strings.TrimSpace(string(raw)), f.tokenFile
		if token == "" {
			return "", fmt.Errorf("%s holds no token", from)
		}
	}
	if token != "" && len(token) < minToken {
		return "", fmt.Errorf("the token in %s has %d characters, expected at least %d", from, len(token), minToken)
	}
	return token, nil
}

// maxSecret is more than a token, a certificate with those above it, or a key has.
const maxSecret = 1 << 20

// keyPair reads the certificate and its key.
func (f *serveFlags) keyPair() (tls.Certificate, error) {
	cert, err := files.ReadAny(f.tlsCert, maxSecret)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := files.ReadAny(f.tlsKey, maxSecret)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(cert, key)
}

func (a *app) runServe(ctx context.Context, f *serveFlags) error {
	token, err := f.check()
	if err != nil {
		return err
	}
	if f.describeOnly {
		p, err := a.program()
		if err != nil {
			return err
		}
		if _, err := eval.Width(p); err != nil {
			return err
		}
		e := json.NewEncoder(a.out)
		e.SetIndent("", "  ")
		return e.Encode(serve.OpenAPI(p, data.Learned{}, token != ""))
	}
	m, state, err := a.trained(f.checkpoint)
	if err != nil {
		return err
	}
	defer m.Close()
	c := serve.Config{Machine: m, Checkpoint: filepath.Base(state.path), Step: state.Step, Learned: state.Data.Learned, Token: token, Log: slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: a.logLevel()})), AccessLog: f.accessLog,
		MaxBody: int64(f.maxBody) << 20, Memory: int64(f.memory) << 20, Requests: f.requests, Queue: f.queue, Wait: f.wait, Read: f.read, Timeout: f.timeout, Grace: f.grace}
	scheme := "http"
	if f.tlsCert != "" {
		pair, err := f.keyPair()
		if err != nil {
			return fmt.Errorf("the certificate cannot be used: %w", err)
		}
		c.Certificate, scheme = &pair, "https"
	}
	l, err := net.Listen("tcp", f.listen)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		return fmt.Errorf("listening on %s failed: %w", f.listen, err)
	}
	s, err := serve.New(c)
	if err != nil {
		l.Close()
		return err
	}
	stopped, stop := a.untilSignal(ctx, "")
	defer stop()
	until, end := context.WithCancel(context.Background())
	context.AfterFunc(stopped, func() {
		defer end()
		if by := (signalError{}); errors.As(context.Cause(stopped), &by) && by.signal == syscall.SIGTERM && f.drain > 0 {
			c.Log.Info("no longer ready", "drain", f.drain)
			s.Drain()
			select {
			case <-time.After(f.drain):
			case <-ctx.Done():
			}
		}
	})
	url := scheme + "://" + l.Addr().String()
	err = a.print(map[string]any{"listen": url, "step": state.Step, "token": token != ""}, func(w io.Writer) {
		fmt.Fprintf(w, "serving %s of step %d on %s\n", m.Program.Name, state.Step, url)
	})
	if err != nil {
		return err
	}
	return s.Serve(until, l)
}
