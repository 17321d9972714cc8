// Package module holds the names of this module and of those that are generated, for what writes import declarations and
// go.mod files. Import declarations of the source aside, the path stands nowhere else (internal/deps).
package module

const (
	// Path is the path of this module.
	Path = "mspecc"
	// Runtime is the path of the package that generated code imports.
	Runtime = Path + "/runtime"
	// Command is the path of the package whose Main is that of a trainer.
	Command = Runtime + "/cli"

	// Trainer is the path of a generated module.
	Trainer = "trainer"
	// Folder is where in it the run-time library is, as a module with the path of this one.
	Folder = "mspecc"
)
