package parser

import (
	"strings"
	"testing"
	"time"
)

// The largest files that the scanner lets through are read in bounded time.
func TestLargeFiles(t *testing.T) {
	for name, src := range map[string]string{
		"else":       "fn f(){if a{}" + strings.Repeat("else if a{}", 20000) + "}",
		"lets":       "fn f(){" + strings.Repeat("let a=1 ", 30000) + "}",
		"functions":  strings.Repeat("fn f()=1\n", 25000),
		"broken":     strings.Repeat("fn f(=1\n", 25000),
		"list":       "fn f()=[" + strings.Repeat("1,", 120000) + "]",
		"brackets":   "fn f()=" + strings.Repeat("(", 120000),
		"conditions": "fn f()=" + strings.Repeat("a?b:", 50000) + "c",
		"comments":   strings.Repeat("//\n", 80000),
		"strings":    "fn f()=" + strings.Repeat(`""`, 120000),
		"characters": strings.Repeat("#", 250000),
	} {
		start := time.Now()
		Parse("f", []byte(src))
		if d := time.Since(start); d > 20*time.Second {
			t.Errorf("%s: %v", name, d)
		} else {
			t.Logf("%s: %v", name, d)
		}
	}
}
