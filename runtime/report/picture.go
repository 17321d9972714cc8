package report

import (
	"fmt"
	"image"
	"io"
	"path/filepath"
	"strings"

	"mspecc/runtime/ckpt"
)

// textColumns is the width of texts that go to a file.
const textColumns = 100

// MaxDrawn is how many examples a picture shows at most: more are no longer looked at, and a picture
// of them all takes gigabytes of memory.
const MaxDrawn = 100

// Ending is that of the file that shows a panel: a picture, or text for tokens; "" where nothing is shown.
func (l Layout) Ending() string {
	switch l.Kind {
	case Tokens:
		return ".txt"
	case None:
		return ""
	}
	return ".png"
}

// Picture draws the panel: images and spectrograms side by side, series as line plots. Tokens
// have none; Text writes them. What is shown by numbers alone has none either.
func (p *Panel) Picture() (image.Image, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	switch p.Kind {
	case Series:
		return p.plots()
	case Tokens:
		return nil, fmt.Errorf("tokens are shown as text, not as a picture")
	case None:
		return nil, fmt.Errorf("these examples are shown by numbers alone")
	}
	return p.images(), nil
}

// WritePicture writes the file that shows the panel, a picture or a text, and for each further
// input one of its own, NAME-INPUT; none for what is shown by numbers alone.
func (p *Panel) WritePicture(name string) error {
	for k, q := range p.All() {
		file := name
		if k > 0 {
			file = q.FileName(name)
		}
		if err := q.write(file); err != nil {
			return err
		}
	}
	return nil
}

// FileName is the name of a further input's file beside that of the first one.
func (p *Panel) FileName(first string) string {
	return strings.TrimSuffix(first, filepath.Ext(first)) + "-" + p.Name + p.Ending()
}

func (p *Panel) write(name string) error {
	if p.Kind == None {
		return p.Check()
	}
	if p.Kind == Tokens {
		if err := p.Check(); err != nil {
			return err
		}
		return ckpt.Atomic(name, func(w io.Writer) error { return p.Text(w, textColumns, nil) })
	}
	m, err := p.Picture()
	if err != nil {
		return err
	}
	return writePNG(name, m)
}
