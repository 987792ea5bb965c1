package main

import (
	"archive/zip"
	"bytes"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// dashboardsPacked packs packetbeat's dashboards, which are Apache-2.0, see NOTICE, and our
// own. They repeat each other: compressed together they take an eighth of what they take
// one by one. The compressor is that of go.mod, so that the result does not depend on Go.
func dashboardsPacked(libbeat string) ([]byte, error) {
	archive, err := dashboardsZip(libbeat)
	if err != nil {
		return nil, err
	}
	w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	return w.EncodeAll(archive, nil), w.Close()
}

// fieldsPacked compresses fields.yml, as libbeat keeps field definitions.
func fieldsPacked(libbeat string) ([]byte, error) {
	text, err := fieldsYML(libbeat)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	w, err := zlib.NewWriterLevel(&out, zlib.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	err = w.Close()
	return out.Bytes(), err
}

// dashboardsZip returns the dashboards as an archive without compression. The files
// keep no times, so that the result is the same on every run.
func dashboardsZip(libbeat string) ([]byte, error) {
	files, err := ownDashboards(libbeat)
	if err != nil {
		return nil, err
	}
	if err := readInto(files, filepath.Join(filepath.Dir(libbeat), "packetbeat", "_meta", "kibana")); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, path := range slices.Sorted(maps.Keys(files)) {
		h := &zip.FileHeader{Name: path, Method: zip.Store}
		h.SetMode(0o600)
		f, err := w.CreateHeader(h)
		if err != nil {
			return nil, err
		}
		if _, err := f.Write(files[path]); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// readInto adds the files below a folder, by their path in it.
func readInto(files map[string][]byte, dir string) error {
	root := os.DirFS(dir)
	return fs.WalkDir(root, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		files[path], err = fs.ReadFile(root, path)
		return err
	})
}
