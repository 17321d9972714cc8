package parser

import (
	"bytes"
	"fmt"
	"strings"
)

// Diff lists the lines that differ between two versions of a file: removed ones begin with
// -, added ones with +. It is empty if there are none.
func Diff(file string, old, new []byte) []byte {
	if bytes.Equal(old, new) {
		return nil
	}
	a, b := strings.SplitAfter(string(old), "\n"), strings.SplitAfter(string(new), "\n")
	start := 0
	for start < len(a) && start < len(b) && a[start] == b[start] {
		start++
	}
	end := 0
	for end < len(a)-start && end < len(b)-start && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "--- %s\n+++ %s\n", file, file)
	edits(&out, a[start:len(a)-end], b[start:len(b)-end], start)
	return out.Bytes()
}

const maxDiff = 4 << 20 // cells of the table of common subsequences

// edits writes the change from a to b; first is the number of lines before them.
func edits(out *bytes.Buffer, a, b []string, first int) {
	common := make([][]int, len(a)+1)
	for i := range common {
		if len(a)*len(b) <= maxDiff {
			common[i] = make([]int, len(b)+1)
		}
	}
	if len(a)*len(b) <= maxDiff {
		for i := len(a) - 1; i >= 0; i-- {
			for j := len(b) - 1; j >= 0; j-- {
				if common[i][j] = max(common[i+1][j], common[i][j+1]); a[i] == b[j] {
					common[i][j] = common[i+1][j+1] + 1
				}
			}
		}
	}
	same := func(i, j int) bool { return i < len(a) && j < len(b) && a[i] == b[j] && common[i] != nil }
	for i, j := 0, 0; i < len(a) || j < len(b); {
		if same(i, j) {
			i, j = i+1, j+1
			continue
		}
		fmt.Fprintf(out, "@@ line %d @@\n", first+i+1)
		for (i < len(a) || j < len(b)) && !same(i, j) {
			if i < len(a) && (j == len(b) || common[i] == nil || common[i+1][j] >= common[i][j+1]) {
				fmt.Fprintf(out, "-%s\n", strings.TrimSuffix(a[i], "\n"))
				i++
			} else {
				fmt.Fprintf(out, "+%s\n", strings.TrimSuffix(b[j], "\n"))
				j++
			}
		}
	}
}
