package racing

// Some returns how many of n runs are done: all or, with the race detector, a tenth.
func Some(n int) int {
	if Enabled {
		return max(1, n/10)
	}
	return n
}
