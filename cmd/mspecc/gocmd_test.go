package main

import (
	"runtime"
	"strings"
	"testing"
)

// What of the environment reaches the go command, and what does not.
func TestGoEnvironment(t *testing.T) {
	for name, value := range map[string]string{
		"GOPROXY": "off", "GONOSUMDB": "example.com", "GOMODCACHE": "/modules", "GOMEMLIMIT": "2GiB", "GODEBUG": "netdns=go", "GOOGLE_CLOUD_PROJECT": "x", "HTTPS_PROXY": "http://proxy",
		"GOFLAGS": "-p=3 -tags=x '-ldflags=-X a -race' -modcacherw --mod=mod -modcacherw=no", "GOAMD64": "v4", "GOARCH": runtime.GOARCH, "GOOS": runtime.GOOS, "GOEXPERIMENT": "rangefunc",
		"GO_EXTLINK_ENABLED": "1", "CGO_LDFLAGS": "-lm", "GOTOOLCHAIN_INTERNAL_SWITCH_COUNT": "3", "GOROOT": "/nowhere", "GOENV": "/nowhere", "GOPACKAGE": "main",
	} {
		t.Setenv(name, value)
	}
	cmd, elsewhere, err := goCommand(t.TempDir(), "build")
	if err != nil || elsewhere != "" {
		t.Fatal(elsewhere, err)
	}
	got := map[string]string{}
	for _, e := range cmd.Env {
		name, value, _ := strings.Cut(e, "=")
		got[name] = value // the last one counts
	}
	for name, want := range map[string]string{
		"GOPROXY": "off", "GONOSUMDB": "example.com", "GOMODCACHE": "/modules", "GOMEMLIMIT": "2GiB", "GODEBUG": "netdns=go", "GOOGLE_CLOUD_PROJECT": "x", "HTTPS_PROXY": "http://proxy",
		"GOFLAGS": "-mod=readonly -buildvcs=false -p=3 -modcacherw", "GOAMD64": "v1", "GOENV": "off", "GOWORK": "off", "CGO_ENABLED": "0",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, expected %q", name, got[name], want)
		}
	}
	for _, name := range []string{"GOEXPERIMENT", "GO_EXTLINK_ENABLED", "CGO_LDFLAGS", "GOTOOLCHAIN_INTERNAL_SWITCH_COUNT", "GOROOT", "GOPACKAGE"} {
		if value, ok := got[name]; ok {
			t.Errorf("%s reaches the go command as %q", name, value)
		}
	}
}
