// Package module holds the path of this module, for what writes imports of it and files of its packages. Import
// declarations aside, it stands nowhere else.
package module

const (
	// Path is the module's path.
	Path = "mspecc"
	// Runtime is the package that generated code imports.
	Runtime = Path + "/runtime"
	// Command is the package whose Main is a trainer's.
	Command = Runtime + "/cli"
)
