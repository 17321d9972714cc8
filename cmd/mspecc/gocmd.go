package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// goSettings are the settings of the go command that stay the user's: where modules and compilers come from, and where it keeps
// what it makes. All others are mspecc's, because they change the binary or break its build.
var goSettings = []string{"GOAUTH", "GOCACHE", "GOCACHEPROG", "GOINSECURE", "GOMODCACHE", "GONOPROXY", "GONOSUMDB", "GOPATH", "GOPRIVATE",
	"GOPROXY", "GOSUMDB", "GOTMPDIR", "GOTOOLCHAIN", "GOVCS"}

// goProcess are variables of every program in Go, of which the binary that the go command makes knows nothing.
var goProcess = []string{"GODEBUG", "GOGC", "GOMAXPROCS", "GOMEMLIMIT", "GOTRACEBACK"}

// goFlags are those flags in GOFLAGS that say how the go command works, and not what it makes.
var goFlags = regexp.MustCompile(`^--?(p=[0-9]+|modcacherw(=(true|false|[01]))?)$`)

// goCommand is a run of the go command that makes the same of a folder whatever the environment, the user's settings (go env -w), a
// workspace around the folder or a repository around it say. elsewhere names the machine that they ask for, "" where it is this one.
func goCommand(dir string, args ...string) (cmd *exec.Cmd, elsewhere string, err error) {
	ask := exec.Command("go", append([]string{"env", "-json", "GOFLAGS", "GOOS", "GOARCH"}, goSettings...)...)
	ask.Dir = dir
	ask.Env = goEnvironment(ask.Environ(), "GOENV", "GOFLAGS", "GOOS", "GOARCH")
	text, err := ask.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = errors.New(string(bytes.TrimSpace(exit.Stderr)))
		}
		return nil, "", err
	}
	set := map[string]string{}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, "", fmt.Errorf("go env says what is no JSON: %w", err)
	}
	if set["GOOS"] != runtime.GOOS || set["GOARCH"] != runtime.GOARCH {
		elsewhere = set["GOOS"] + "/" + set["GOARCH"]
	}
	flags := []string{"-mod=readonly", "-buildvcs=false"} // neither a vendor folder nor a repository around the module counts
	for f := range strings.FieldsSeq(set["GOFLAGS"]) {
		if goFlags.MatchString(f) {
			flags = append(flags, f)
		}
	}
	cmd = exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = goEnvironment(cmd.Environ())
	for _, name := range goSettings {
		if set[name] != "" {
			cmd.Env = append(cmd.Env, name+"="+set[name])
		}
	}
	cmd.Env = append(cmd.Env, "GOENV=off", "GOFLAGS="+strings.Join(flags, " "), "GO111MODULE=on", "GOWORK=off", "CGO_ENABLED=0",
		"GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH, "GOAMD64=v1", "GOFIPS140=off")
	return cmd, elsewhere, nil
}

// goVariables are the names of what speaks to the go command and its tools. Those of other programs, such as GOOGLE_CLOUD_PROJECT, may be needed
// by what fetches modules.
var goVariables = regexp.MustCompile(`^(GO[A-Z0-9]+|GOROOT_FINAL|GOTOOLCHAIN_INTERNAL_.*|GO_EXTLINK_ENABLED|CGO_.*)$`)

// goEnvironment is an environment without what speaks to the go command, but for its settings that stay and those named.
func goEnvironment(env []string, keep ...string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return goVariables.MatchString(name) && !slices.Contains(slices.Concat(goSettings, goProcess, keep), name)
	})
}
