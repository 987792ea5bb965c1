package verify

import "github.com/qubesbeat/qubesbeat/config"

// Check reads the files that the settings name, as a start would.
func Check(c *config.Verify) error {
	if !c.Enabled {
		return nil
	}
	var p config.Problems
	for i := range c.Expect {
		if _, err := toExpectation(&c.Expect[i]); err != nil {
			p.Addf("verify.expect", "%w", err)
		}
	}
	return p.Err()
}
