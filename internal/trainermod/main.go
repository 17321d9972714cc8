// Command trainermod writes the go.mod and go.sum of emitted modules: of the run-time library that each carries, of a
// trainer, and of a library for a main of the user's own. They require what these import, in the compiler's versions,
// and nothing else of what the compiler requires. It may have to download modules.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"mspecc"
	"mspecc/codegen"
	"mspecc/internal/module"
)

func main() {
	files, err := generate(filepath.Join("..", ".."))
	for name, data := range files {
		if err == nil {
			err = os.WriteFile(name, data, 0o644)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "trainermod:", err)
		os.Exit(1)
	}
}

// Sources import what generated code imports.
const (
	programSource = "package main\n\nimport (\n\t_ \"" + module.Runtime + "\"\n\t_ \"" + module.Command + "\"\n)\n\nfunc main() {}\n"
	librarySource = "package " + module.Trainer + "\n\nimport _ \"" + module.Runtime + "\"\n"
)

// generate gives the files by name; root is the compiler's module.
func generate(root string) (map[string][]byte, error) {
	dir, err := os.MkdirTemp("", "trainermod-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	files := map[string][]byte{}
	if err := mspecc.RuntimeModule(files, false); err != nil {
		return nil, err
	}
	if err := codegen.WriteTree(dir, files, ""); err != nil {
		return nil, err
	}
	library := filepath.Join(dir, module.Folder)
	g := generator{out: map[string][]byte{}}
	if g.sum, err = os.ReadFile(filepath.Join(root, "go.sum")); err != nil {
		return nil, err
	}
	compiler, err := readMod(root)
	if err != nil {
		return nil, err
	}
	g.version = compiler.Go
	needed, err := g.tidy("runtime", library, module.Path, compiler.Require)
	if err != nil {
		return nil, err
	}
	// Once more, since what only the compiler requires had a say in the versions of others.
	needed, err = g.tidy("runtime", library, module.Path, slices.DeleteFunc(compiler.Require, func(r requirement) bool { return !slices.Contains(needed, r) }))
	if err != nil {
		return nil, err
	}
	needed = append(needed, requirement{module.Path, "v0.0.0"})
	for name, source := range map[string]string{"program": programSource, "library": librarySource} {
		if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(source), 0o644); err != nil {
			return nil, err
		}
		if _, err := g.tidy(name, dir, module.Trainer, needed, "-replace="+module.Path+"=./"+module.Folder); err != nil {
			return nil, err
		}
	}
	return g.out, nil
}

// goMod is what a go.mod says.
type goMod struct {
	Go      string
	Require []requirement
}

type requirement struct{ Path, Version string }

func readMod(dir string) (mod goMod, err error) {
	text, err := goCommand(dir, "mod", "edit", "-json")
	if err == nil {
		err = json.Unmarshal(text, &mod)
	}
	return mod, err
}

type generator struct {
	sum     []byte            // the compiler's go.sum
	version string            // of Go
	out     map[string][]byte // the files
}

// tidy makes the go.mod and go.sum of the module in a folder, of the versions given, and says what it requires.
func (g *generator) tidy(name, dir, path string, versions []requirement, edits ...string) ([]requirement, error) {
	mod := filepath.Join(dir, "go.mod")
	if err := os.WriteFile(mod, []byte("module "+path+"\n\ngo "+g.version+"\n"), 0o644); err != nil {
		return nil, err
	}
	for _, r := range versions {
		edits = append(edits, "-require="+r.Path+"@"+r.Version)
	}
	if err := os.WriteFile(filepath.Join(dir, "go.sum"), g.sum, 0o644); err != nil {
		return nil, err
	}
	for _, args := range [][]string{append([]string{"edit"}, edits...), {"tidy"}} {
		if _, err := goCommand(dir, append([]string{"mod"}, args...)...); err != nil {
			return nil, err
		}
	}
	for _, ext := range []string{"mod", "sum"} {
		data, err := os.ReadFile(filepath.Join(dir, "go."+ext))
		if err != nil {
			return nil, err
		}
		g.out[name+"."+ext] = data
	}
	tidied, err := readMod(dir)
	return tidied.Require, err
}

func goCommand(dir string, args ...string) ([]byte, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%v: %w\n%s", cmd, err, stderr.Bytes())
	}
	return out, err
}
