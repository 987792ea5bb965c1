package main

import (
	"archive/zip"
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
)

// dashboardsZip packs packetbeat's dashboards, which are Apache-2.0, see NOTICE.
// The files keep no times, so that the result is the same on every run.
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
		h := &zip.FileHeader{Name: path, Method: zip.Deflate}
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
