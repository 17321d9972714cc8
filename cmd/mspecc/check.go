package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"mspecc/ir/elab"
	"mspecc/spec"
)

// newCheckCmd makes `mspecc check`: read and elaborate a spec, print what is wrong with it.
func newCheckCmd() *cobra.Command {
	var opt elab.Options
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check FILE...",
		Short: "Report errors and warnings in specs",
		Example: `  mspecc check model.mspec
  mspecc check examples/*.mspec`,
		Args: someFiles,
		RunE: func(cmd *cobra.Command, files []string) error {
			var all []spec.Diagnostic
			for _, file := range files {
				model, diags := elab.Check(file, opt)
				all = append(all, diags...)
				if !asJSON {
					spec.Render(cmd.ErrOrStderr(), diags, nil)
					describeModel(cmd.OutOrStdout(), file, model, diags)
				}
			}
			if asJSON {
				if err := writeJSON(cmd.OutOrStdout(), all); err != nil {
					return err
				}
			}
			if spec.HasErrors(all) {
				return errReported
			}
			return nil
		},
	}
	cmd.Flags().StringSliceVar(&opt.Modalities, "modality", nil, "only these modalities")
	cmd.Flags().StringArrayVar(&opt.Set, "set", nil, "override a setting of the model: NAME=VALUE")
	cmd.Flags().BoolVar(&opt.OwnReaders, "library", false, "check as for build --library: data readers may be the program's own")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print diagnostics as JSON")
	return cmd
}

// describeModel says what a correct spec amounts to, one line a variant.
func describeModel(w io.Writer, file string, m *elab.Model, diags []spec.Diagnostic) {
	if m == nil {
		if !spec.HasErrors(diags) {
			fmt.Fprintf(w, "%s: a library, no model\n", file)
		}
		return
	}
	for _, v := range m.Variants {
		count := 0
		for _, p := range v.Params {
			count += p.Len()
		}
		fmt.Fprintf(w, "%s: %s for %s: %d parameters in %d tensors, batch %d, %d operations\n",
			m.File, m.Name, v.Modality.Name, count, len(v.Params), v.Batch, len(v.Objective.B.Values()))
	}
}

// jsonDiagnostic is the form of a diagnostic for editors and scripts.
type jsonDiagnostic struct {
	File      string     `json:"file"`
	Line      int        `json:"line"`
	Column    int        `json:"column"`
	EndLine   int        `json:"end_line,omitempty"`
	EndColumn int        `json:"end_column,omitempty"`
	Severity  string     `json:"severity"`
	Code      string     `json:"code"`
	Message   string     `json:"message"`
	Notes     []jsonNote `json:"notes,omitempty"`
}

type jsonNote struct {
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Message string `json:"message"`
}

func writeJSON(w io.Writer, diags []spec.Diagnostic) error {
	out := make([]jsonDiagnostic, 0, len(diags))
	for _, d := range diags {
		j := jsonDiagnostic{d.Pos.File, d.Pos.Line, d.Pos.Col, d.End.Line, d.End.Col, d.Severity.String(), d.Code, d.Msg, nil}
		for _, n := range d.Notes {
			j.Notes = append(j.Notes, jsonNote{n.Pos.File, n.Pos.Line, n.Pos.Col, n.Msg})
		}
		out = append(out, j)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}
