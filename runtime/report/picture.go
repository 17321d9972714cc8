package report

import (
	"fmt"
	"image"
	"io"

	"mspecc/runtime/ckpt"
)

// textColumns is the width of texts that go to a file.
const textColumns = 100

// Ending is that of the file that shows a panel: a picture, or text for tokens.
func (l Layout) Ending() string {
	if l.Kind == Tokens {
		return ".txt"
	}
	return ".png"
}

// Picture draws the panel: images and spectrograms side by side, series as line plots. Tokens
// have none; Text writes them.
func (p *Panel) Picture() (image.Image, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	switch p.Kind {
	case Series:
		return p.plots()
	case Tokens:
		return nil, fmt.Errorf("tokens are shown as text, not as a picture")
	}
	return p.images(), nil
}

// WritePicture writes the file that shows the panel, a picture or a text.
func (p *Panel) WritePicture(name string) error {
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
