package exchange

import (
	"bytes"
	"encoding/json"
	"fmt"

	"mspecc/runtime/ckpt"
	"mspecc/runtime/data"
)

// About is what an exported file says beside the parameters: which model they are of, and what
// must be known to give it the same inputs as in training.
type About struct {
	Model    string  `json:"model"`
	Modality string  `json:"modality"`
	Digest   string  `json:"spec_digest"`
	Step     int     `json:"step"`
	Seed     *uint64 `json:"seed,omitempty"` // of the run, which decides random splits of its data; nil: not known

	Reader     string            `json:"reader,omitempty"` // of the training data, with its options
	Options    map[string]string `json:"options,omitempty"`
	Mean       []float64         `json:"mean,omitempty"` // of each channel: the model takes (x - mean) * factor
	Factor     []float64         `json:"factor,omitempty"`
	Vocabulary *data.Vocabulary  `json:"vocabulary,omitempty"` // that was built from the texts
	Columns    []string          `json:"columns,omitempty"`    // that make up an example, in its order
	Classes    []string          `json:"classes,omitempty"`    // names of the classes, in order
	Schema     *data.Schema      `json:"schema,omitempty"`     // of the records: all of the last two, with types
}

// Describe is what there is to say of a checkpoint.
func Describe(s ckpt.State) *About {
	a := &About{Model: s.Model, Modality: s.Modality, Digest: s.Digest, Step: s.Step, Seed: &s.Seed, Reader: s.Data.Reader, Options: s.Data.Options, Vocabulary: s.Data.Vocabulary}
	if x := s.Data.Scaling; x != nil {
		a.Mean, a.Factor = x.Mean, x.Factor
	}
	if x := s.Data.Schema; x != nil {
		a.Schema, a.Columns, a.Classes = x, x.Names(), x.Classes
	}
	return a
}

// Data is what a checkpoint keeps of the training data, as far as it is known.
func (a *About) Data() (d ckpt.Data, err error) {
	d.Reader, d.Options, d.Vocabulary, d.Schema = a.Reader, a.Options, a.Vocabulary, a.Schema
	if len(a.Mean) > 0 || len(a.Factor) > 0 {
		d.Scaling = &data.Scaling{Mean: a.Mean, Factor: a.Factor}
		if message := d.Scaling.Check(len(a.Mean)); message != "" {
			return d, fmt.Errorf("its scaling %s", message)
		}
	}
	return d, nil
}

// Values are the members as values of JSON, by name; numbers are json.Number.
func (a *About) Values() (map[string]any, error) {
	text, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	var m map[string]any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return m, d.Decode(&m)
}

// Texts are the members for formats that keep texts alone: texts as they are, others as JSON.
func (a *About) Texts() (map[string]string, error) {
	text, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, err
	}
	m := map[string]string{}
	for name, member := range raw {
		var s string
		if json.Unmarshal(member, &s) != nil {
			s = string(member)
		}
		m[name] = s
	}
	return m, nil
}

// ofValues reads what Values gives; nil where it is nothing that was exported here.
func ofValues(m map[string]any) (*About, error) {
	if _, ok := m["spec_digest"]; !ok {
		return nil, nil
	}
	text, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	a := &About{}
	return a, json.Unmarshal(text, a)
}

// ReadAbout reads what Texts gives, from the metadata of a file; nil where it is nothing that was exported here.
func ReadAbout(m map[string]string) (*About, error) {
	if _, ok := m["spec_digest"]; !ok {
		return nil, nil
	}
	a := &About{Model: m["model"], Modality: m["modality"], Digest: m["spec_digest"], Reader: m["reader"]}
	for name, to := range map[string]any{"step": &a.Step, "seed": &a.Seed, "options": &a.Options, "mean": &a.Mean, "factor": &a.Factor, "vocabulary": &a.Vocabulary,
		"columns": &a.Columns, "classes": &a.Classes, "schema": &a.Schema} {
		if text, ok := m[name]; ok {
			if err := json.Unmarshal([]byte(text), to); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return a, nil
}
