package elab

import (
	"fmt"
	"strings"

	"mspecc/spec"
)

// Names that a model may not give because something else has them already: in a line of the log, in a file for
// replay, in a function's outputs, or in the generated module.

// logged are what a trainer writes into each line of metrics.jsonl beside the model's own scalars.
var logged = map[string]string{
	"step": "the training step", "lr": "the learning rate", "examples_per_second": "the speed", "data_wait": "the share of time that went into waiting for data",
	"seconds": "the time since the start", "bad_records": "the number of records left out",
}

// checkOutput refuses names of outputs that have a meaning already.
func (e *elab) checkOutput(name string, report bool, at spec.Range) {
	objective := e.fn.Name == "objective" || e.fn.Name == "replay"
	switch what := logged[name]; {
	case objective && name == "loss":
		e.fail(at, "E021", "loss is what the objective returns; choose another name")
	case objective && report && what != "":
		e.fail(at, "E021", "%s is %s in the log of a run; choose another name", name, what)
	case objective && report && name == "grad_norm" && e.v.out.Train.Clip > 0:
		e.fail(at, "E021", "grad_norm is the gradient's norm before clipping in the log of a run; choose another name")
	case e.fn.Name == "features" && name == "features":
		e.fail(at, "E021", "features is what the function features returns; choose another name")
	}
}

// checkStream refuses the name of a random stream that is the name of an input, which replay would take for
// both, or that of another stream: named is whether the spec gave it.
func (e *elab) checkStream(name string, named bool, at spec.Range) {
	for _, in := range e.v.out.Modality.Inputs {
		if in.Tensor() == name {
			e.fail(at, "E021", "%s is the name of the model's input; choose another name for the random stream", name)
		}
	}
	if before, ok := e.streams[name]; ok && before.named != named {
		e.failWith(at, "E021", []spec.Note{{Pos: before.at.Pos, Msg: "that stream is drawn here"}, {Msg: "a stream without a name is called LABELS/NUMBER"}},
			"there is another random stream named %s", name)
	}
	if _, ok := e.streams[name]; !ok {
		e.streams[name] = streamName{named, at}
	}
}

// streamName is a random stream by name: whether the spec gave the name, and where it is drawn first.
type streamName struct {
	named bool
	at    spec.Range
}

// distinct refuses modalities that would get the same files and functions in one module.
func distinct(chosen []*chosenModality) []spec.Diagnostic {
	first := map[string]*chosenModality{}
	for _, c := range chosen {
		if c == nil {
			continue
		}
		name := c.decl.Name
		before, ok := first[strings.ToLower(name.Text)]
		if !ok {
			first[strings.ToLower(name.Text)] = c
			continue
		}
		msg := fmt.Sprintf("there are two modalities named %s", name.Text)
		if before.decl.Name.Text != name.Text {
			msg = fmt.Sprintf("the modalities %s and %s differ in case alone", before.decl.Name.Text, name.Text)
		}
		return []spec.Diagnostic{{Pos: name.Pos, End: name.End, Code: "E021", Msg: msg,
			Notes: []spec.Note{{Pos: before.decl.Name.Pos, Msg: "the other one is declared here"}, {Msg: "rename one, or choose among them by --modality"}}}}
	}
	return nil
}
