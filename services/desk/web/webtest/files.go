package webtest

import (
	"image"
	"image/color"
	"image/png"
	"net/http"
)

// HoldFiles has files wait until release is closed. Call it first.
func (h *House) HoldFiles(release <-chan struct{}) { h.files = release }

// file answers with the same picture for every file, as the real desk would
// after it has looked whose it is.
func (h *House) file(w http.ResponseWriter, r *http.Request) {
	if h.files != nil {
		select {
		case <-h.files:
		case <-r.Context().Done():
			return
		}
	}
	w.Header().Set("Content-Type", "image/png")
	w.Header().Set("Content-Security-Policy", "sandbox; default-src 'none'")
	_ = png.Encode(w, painted()) // the browser went away
}

// painted is a picture that can be told from its frame.
func painted() image.Image {
	img := image.NewRGBA(image.Rect(0, 0, 640, 480))
	for y := range 480 {
		for x := range 640 {
			img.SetRGBA(x, y, color.RGBA{R: uint8(x * 255 / 640), G: uint8(y * 255 / 480), B: 160, A: 255})
		}
	}
	return img
}
