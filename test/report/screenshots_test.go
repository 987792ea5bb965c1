package report_test

import (
	"image"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
)

// shots are the pictures of docs/analysis.md.
var shots = map[string][]string{
	"light":  {"--window-size=1100,1500", "--blink-settings=preferredColorScheme=1"},
	"dark":   {"--window-size=1100,1500", "--blink-settings=preferredColorScheme=0"},
	"narrow": {"--window-size=480,1500", "--blink-settings=preferredColorScheme=1"},
}

// TestScreenshots compares the report of the demonstration with its pictures in docs, or
// takes them again.
func TestScreenshots(t *testing.T) {
	wanted(t)
	path := demo(t)
	for name, args := range shots {
		picture := filepath.Join(t.TempDir(), name+".png")
		program := need(t, "chromium", "apt-get install chromium")
		output(t, nil, program, append(append([]string{"--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-background-networking",
			"--user-data-dir=" + t.TempDir(), "--screenshot=" + picture}, args...), "file://"+path)...)
		compare(t, picture, fixture.Repository(t, "docs", "report-"+name+".png"))
	}
}

// TestScreenshots_print compares the first printed page.
func TestScreenshots_print(t *testing.T) {
	wanted(t)
	program, convert := need(t, "chromium", "apt-get install chromium"), need(t, "pdftoppm", "apt-get install poppler-utils")
	dir := t.TempDir()
	output(t, nil, program, "--headless=new", "--no-sandbox", "--disable-gpu", "--user-data-dir="+t.TempDir(), "--no-pdf-header-footer", "--print-to-pdf="+filepath.Join(dir, "report.pdf"), "file://"+demo(t))
	output(t, nil, convert, "-r", "80", "-png", "-singlefile", filepath.Join(dir, "report.pdf"), filepath.Join(dir, "print"))
	compare(t, filepath.Join(dir, "print.png"), fixture.Repository(t, "docs", "report-print.png"))
}

// demo returns the path of the report of the demonstration.
func demo(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.html")
	output(t, nil, beat.Program(t), "report", "--html", path, fixture.Repository(t, "demo", "events.ndjson"))
	return path
}

// compare compares a picture with the one in docs. Fonts differ between machines a
// little: the pictures may, too.
func compare(t *testing.T, path, want string) {
	t.Helper()
	if os.Getenv("QUBESBEAT_SCREENSHOTS") != "" {
		data, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(want, data, 0o644)
		}
		if err != nil {
			t.Error(err)
		}
		return
	}
	a, b := decode(t, path), decode(t, want)
	if a.Bounds() != b.Bounds() {
		t.Errorf("%s: %v; want %v", want, a.Bounds(), b.Bounds())
		return
	}
	if d := difference(a, b); d > 0.03 {
		t.Errorf("%s differs by %.1f %%; go tool mage screenshots takes it again", want, d*100)
	}
}

// difference returns how much two pictures of one size differ, from 0 to 1.
func difference(a, b image.Image) float64 {
	sum, r := 0.0, a.Bounds()
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			r1, g1, b1, _ := a.At(x, y).RGBA()
			r2, g2, b2, _ := b.At(x, y).RGBA()
			for _, d := range [...]int{int(r1) - int(r2), int(g1) - int(g2), int(b1) - int(b2)} {
				sum += float64(max(d, -d)) / 0xffff
			}
		}
	}
	return sum / float64(3*r.Dx()*r.Dy())
}

func decode(t *testing.T, path string) image.Image {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatalf("%v; go tool mage screenshots takes the pictures", err)
	}
	defer f.Close()
	picture, err := png.Decode(f)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return picture
}
