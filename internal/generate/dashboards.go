package main

import (
	"archive/zip"
	"bytes"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// dashboardsPacked packs packetbeat's dashboards, which are Apache-2.0, see NOTICE. They
// repeat each other: compressed together they take an eighth of what they take one by
// one. The compressor is that of go.mod, so that the result does not depend on Go.
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
	root := os.DirFS(filepath.Join(filepath.Dir(libbeat), "packetbeat", "_meta", "kibana"))
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	err := fs.WalkDir(root, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := fs.ReadFile(root, path)
		if err != nil {
			return err
		}
		h := &zip.FileHeader{Name: path, Method: zip.Store}
		h.SetMode(0o600)
		f, err := w.CreateHeader(h)
		if err != nil {
			return err
		}
		_, err = f.Write(data)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
