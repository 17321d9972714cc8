package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"mspecc/parser"
	"mspecc/spec"
)

// newFmtCmd makes `mspecc fmt`: bring specs into the standard layout.
func newFmtCmd() *cobra.Command {
	var write, diff bool
	cmd := &cobra.Command{
		Use:   "fmt FILE...",
		Short: "Format specs; prints the result unless -w or -d is given; - is standard input",
		Example: `  mspecc fmt -w model.mspec
  mspecc fmt -d examples/*.mspec`,
		Args: someFiles,
		RunE: func(cmd *cobra.Command, files []string) error {
			if write && slices.Contains(files, "-") {
				return usageError{errors.New("-w writes to the file, and - is none")}
			}
			failed := false
			for _, file := range files {
				ok, err := formatFile(cmd, file, write, diff)
				if err != nil {
					return err
				}
				failed = failed || !ok
			}
			if failed {
				return errReported
			}
			return nil
		},
	}
	cmd.Flags().BoolVarP(&write, "write", "w", false, "write the result back to the file")
	cmd.Flags().BoolVarP(&diff, "diff", "d", false, "print what would change")
	return cmd
}

// someFiles accepts one spec file or more.
func someFiles(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usageError{fmt.Errorf("%s takes one spec file or more", cmd.Name())}
	}
	return nil
}

func formatFile(cmd *cobra.Command, file string, write, diff bool) (ok bool, err error) {
	var src []byte
	if file == "-" {
		src, err = io.ReadAll(io.LimitReader(cmd.InOrStdin(), spec.MaxFile+1)) // the parser refuses more
	} else {
		src, err = spec.ReadFile(file)
	}
	if err != nil {
		return false, err
	}
	out, diags := parser.Format(file, src)
	if spec.HasErrors(diags) {
		spec.Render(cmd.ErrOrStderr(), diags, func(string) []byte { return src })
		return false, nil
	}
	if diff {
		_, err = cmd.OutOrStdout().Write(parser.Diff(file, src, out))
	}
	if write && !bytes.Equal(src, out) {
		mode := os.FileMode(0o644)
		if info, statErr := os.Stat(file); statErr == nil {
			mode = info.Mode()
		}
		if err == nil {
			err = os.WriteFile(file, out, mode)
		}
	}
	if !write && !diff {
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s", out)
	}
	return true, err
}
