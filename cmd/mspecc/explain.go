package main

import (
	"encoding/json"
	"os"

	"github.com/spf13/cobra"

	"mspecc/codegen"
)

func newExplainCmd() *cobra.Command {
	f := &buildFlags{}
	var asJSON, verbose bool
	cmd := &cobra.Command{
		Use:   "explain FILE",
		Short: "Show what was compiled and what it costs",
		Long: `Explain lists, for every function of every modality, the launches by phase with
their floating-point operations and bytes, the arena's memory, and the kernels
with what they compute. --verbose adds each launch and why it looks as it does.`,
		Example: "  mspecc explain examples/metamae.mspec --modality pamap2",
		Args:    oneFile,
		RunE: func(_ *cobra.Command, args []string) error {
			mod, err := f.compile(args[0])
			if err != nil {
				return err
			}
			reports := []codegen.Report{}
			for _, p := range mod.Programs {
				for _, fn := range p.Functions {
					reports = append(reports, mod.Explain(p, fn))
				}
			}
			if asJSON {
				e := json.NewEncoder(os.Stdout)
				e.SetIndent("", "  ")
				return e.Encode(reports)
			}
			for _, r := range reports {
				r.Write(os.Stdout, verbose)
			}
			return nil
		},
	}
	f.model(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "list every launch in order")
	return cmd
}
