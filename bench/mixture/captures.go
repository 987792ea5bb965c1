package mixture

import (
	"os"
	"path/filepath"
)

// DefaultCaptures returns where real captures are looked for, seen from the folder
// of this module: in the folder that QUBESBEAT_SHARED names, or else in shared/
// beside the repository, as the tests do.
func DefaultCaptures(root string) string {
	shared := os.Getenv("QUBESBEAT_SHARED")
	if shared == "" {
		shared = filepath.Join(root, "..", "..", "shared")
	}
	return filepath.Join(shared, "captures")
}
