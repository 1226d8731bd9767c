package phone

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"net/http"
)

// serveMedia draws the pictures that stand for those of Meta's servers.
func serveMedia(w http.ResponseWriter, r *http.Request) {
	img := image.NewRGBA(image.Rect(0, 0, 320, 240))
	base := color.RGBA{R: 70, G: 130, B: 220, A: 255}
	switch r.PathValue("name") {
	case "photo.png":
	case "thumb.png":
		base = color.RGBA{R: 250, G: 190, B: 60, A: 255}
	case "avatar.png":
		base = color.RGBA{R: 120, G: 90, B: 200, A: 255}
	default:
		http.NotFound(w, r)
		return
	}
	for y := range 240 {
		for x := range 320 {
			c := base
			c.G = uint8(min(255, int(c.G)+y/4)) // a sky that lightens downwards
			if y > 150+(x-160)*(x-160)/400 {
				c = color.RGBA{R: 60, G: 140, B: 90, A: 255} // a hill
			}
			img.SetRGBA(x, y, c)
		}
	}
	var buf bytes.Buffer
	if err := png.Encode(&buf, img); err != nil {
		http.Error(w, "picture cannot be drawn", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "image/png")
	w.Header().Set("Cache-Control", "max-age=3600")
	w.Write(buf.Bytes()) //nolint:errcheck // the caller went away
}
