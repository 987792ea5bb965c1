package report_test

import (
	"image"
	"image/color"
	"image/draw"
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
		output(t, fonts(t), program, append(append([]string{"--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-background-networking",
			"--user-data-dir=" + t.TempDir(), "--screenshot=" + picture}, args...), "file://"+path)...)
		compare(t, picture, fixture.Repository(t, "docs", "report-"+name+".png"))
	}
}

// TestScreenshots_print compares the first printed page.
func TestScreenshots_print(t *testing.T) {
	wanted(t)
	program, convert := need(t, "chromium", "apt-get install chromium"), need(t, "pdftoppm", "apt-get install poppler-utils")
	dir := t.TempDir()
	output(t, fonts(t), program, "--headless=new", "--no-sandbox", "--disable-gpu", "--user-data-dir="+t.TempDir(), "--no-pdf-header-footer", "--print-to-pdf="+filepath.Join(dir, "report.pdf"), "file://"+demo(t))
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

// fonts returns the environment in which a browser knows DejaVu alone: other fonts break
// lines elsewhere.
func fonts(t *testing.T) []string {
	t.Helper()
	const dir = "/usr/share/fonts/truetype/dejavu"
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("%v; apt-get install fonts-dejavu-core", err)
	}
	path := filepath.Join(t.TempDir(), "fonts.conf")
	text := `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig><dir>` + dir + `</dir><cachedir>` + t.TempDir() + `</cachedir>` +
		`<alias binding="same"><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>` +
		`<match><test name="family" compare="not_eq"><string>monospace</string></test><edit name="family" mode="assign" binding="same"><string>DejaVu Sans</string></edit></match></fontconfig>`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"FONTCONFIG_FILE=" + path}
}

// compare compares a picture with the one in docs. Browsers draw letters a little
// differently: the pictures may differ, too.
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
	if d := difference(decode(t, path), decode(t, want)); d > mayDiffer {
		t.Errorf("%s differs by %.1f %%; go tool mage screenshots takes it again", want, d*100)
	}
}

// mayDiffer is the share of blocks that may differ: with the same fonts, none does if all is
// up to 3 pixels elsewhere, and 5 to 16 % do if what is below the first lines moves by a line.
const mayDiffer = 0.04

// block is the width of a block, in pixels.
const block = 20

// difference returns the share of blocks of two pictures whose mean brightness differs by
// more than a tenth, from 0 to 1.
func difference(a, b image.Image) float64 {
	r := a.Bounds().Union(b.Bounds())
	differ, all := 0, 0
	for y := r.Min.Y; y < r.Max.Y; y += block {
		for x := r.Min.X; x < r.Max.X; x += block {
			all++
			if d := brightness(a, x, y) - brightness(b, x, y); d > 0.1 || d < -0.1 {
				differ++
			}
		}
	}
	return float64(differ) / float64(all)
}

// brightness returns the mean of a block, from 0 to 1. Beyond the picture it is 0.
func brightness(p image.Image, x0, y0 int) float64 {
	sum := 0.0
	for y := range block {
		for x := range block {
			r, g, b, _ := p.At(x0+x, y0+y).RGBA()
			sum += float64(r+g+b) / (3 * 0xffff)
		}
	}
	return sum / (block * block)
}

// TestDifference holds that the comparison sees what it is for: another scheme, and a page
// that has nothing.
func TestDifference(t *testing.T) {
	t.Parallel()
	light := decode(t, fixture.Repository(t, "docs", "report-light.png"))
	for name, other := range map[string]image.Image{
		"dark": decode(t, fixture.Repository(t, "docs", "report-dark.png")), "narrow": decode(t, fixture.Repository(t, "docs", "report-narrow.png")),
		"empty": image.NewUniform(color.White), "black": image.NewUniform(color.Black),
	} {
		if u, ok := other.(*image.Uniform); ok {
			paper := image.NewRGBA(light.Bounds())
			draw.Draw(paper, paper.Bounds(), u, image.Point{}, draw.Src)
			other = paper
		}
		if d := difference(light, other); d <= mayDiffer {
			t.Errorf("%s differs by %.1f %% only", name, d*100)
		}
	}
	if d := difference(light, light); d != 0 {
		t.Errorf("a picture differs from itself by %.1f %%", d*100)
	}
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
