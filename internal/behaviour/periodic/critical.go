package periodic

// criticals are by number of gaps: the quartile dispersion that gaps of a Poisson process
// stay above, and the coherence that they stay below, but for one series in 10,000. Each
// line is from 400,000 simulated series; TestCritical simulates them again.
var criticals = [...]struct {
	gaps              int
	spread, coherence float64
}{
	{8, 0.139, 0.956}, {10, 0.153, 0.917}, {12, 0.213, 0.865}, {16, 0.308, 0.784}, {20, 0.373, 0.714}, {24, 0.446, 0.665},
	{28, 0.510, 0.620}, {32, 0.531, 0.586}, {40, 0.622, 0.539}, {48, 0.666, 0.499}, {56, 0.725, 0.469}, {64, 0.765, 0.439},
}

// critical returns the critical values for a number of gaps, of which there must be at
// least 8: those of the largest number in the table that is not above it.
func critical(gaps int) (spread, coherence float64) {
	i := len(criticals) - 1
	for i > 0 && criticals[i].gaps > gaps {
		i--
	}
	return criticals[i].spread, criticals[i].coherence
}
