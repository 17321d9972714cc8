package picture

import "image/color"

// opaque is a palette's colour without its alpha.
func opaque(c color.Color) [3]byte {
	switch c := c.(type) {
	case color.NRGBA:
		return [3]byte{c.R, c.G, c.B}
	case color.RGBA:
		return [3]byte{c.R, c.G, c.B}
	}
	n := color.NRGBAModel.Convert(c).(color.NRGBA)
	return [3]byte{n.R, n.G, n.B}
}

// under is white less the share of an ink, as Pillow computes it: white - ink * white / 255, rounded.
func under(ink, white byte) byte {
	t := uint32(ink)*uint32(white) + 128
	return byte(max(0, int32(white)-int32((t>>8+t)>>8)))
}

// Grey is the luma of a picture, as Pillow's convert("L") computes it (ITU-R 601-2).
func (m *Image) Grey() *Image {
	if m.Channels == 1 {
		return m
	}
	out := &Image{Width: m.Width, Height: m.Height, Channels: 1, White: m.White}
	if m.Deep == nil {
		out.Pix = make([]byte, m.Width*m.Height)
		for i := range out.Pix {
			p := m.Pix[i*3:]
			out.Pix[i] = byte((uint32(p[0])*19595 + uint32(p[1])*38470 + uint32(p[2])*7471 + 0x8000) >> 16)
		}
		return out
	}
	out.Deep = make([]float32, m.Width*m.Height)
	for i := range out.Deep {
		p := m.Deep[i*3:]
		out.Deep[i] = float32((float64(float64(p[0])*19595) + float64(float64(p[1])*38470) + float64(float64(p[2])*7471)) / (1 << 16))
	}
	return out
}

// RGB is the picture with three channels.
func (m *Image) RGB() *Image {
	if m.Channels == 3 {
		return m
	}
	out := &Image{Width: m.Width, Height: m.Height, Channels: 3, White: m.White}
	if m.Deep == nil {
		out.Pix = make([]byte, 0, 3*len(m.Pix))
		for _, v := range m.Pix {
			out.Pix = append(out.Pix, v, v, v)
		}
		return out
	}
	out.Deep = make([]float32, 0, 3*len(m.Deep))
	for _, v := range m.Deep {
		out.Deep = append(out.Deep, v, v, v)
	}
	return out
}

// Planes writes so many channels (1 or 3), one after the other, black being 0 and white 1, or numbers as they are.
func (m *Image) Planes(x []float32, channels int) {
	if channels == 1 {
		m = m.Grey()
	}
	n, white := m.Width*m.Height, m.White
	if m.AsIs() {
		white = 1
	}
	for c := range channels {
		from := min(c, m.Channels-1)
		plane := x[c*n:][:n]
		for i := range plane {
			if m.Deep != nil {
				plane[i] = m.Deep[i*m.Channels+from] / white
			} else {
				plane[i] = float32(m.Pix[i*m.Channels+from]) / 255
			}
		}
	}
}
