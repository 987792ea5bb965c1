package detect

import (
	"math"
	"slices"
)

// ritaScore returns the beacon score of RITA version 5 for times in seconds and sizes in
// bytes, seen within a window: the mean of the regularity of the gaps and of the sizes, of how
// even the hours are, and of how long the series lasts.
func ritaScore(at, sizes []float64, window float64) float64 {
	var gaps []float64
	for i := 1; i < len(at); i++ {
		if g := math.Floor(at[i]) - math.Floor(at[i-1]); g > 0 {
			gaps = append(gaps, g)
		}
	}
	if len(gaps) < 3 {
		return 0
	}
	const bins = 24
	var hours [bins]float64
	for _, t := range at {
		hours[min(bins-1, int(t/window*bins))]++
	}
	return (ritaRegular(gaps, 1) + ritaRegular(sizes, 0) + ritaEven(hours[:]) + ritaLasting(hours[:], at, window)) / 4
}

// ritaRegular is the mean of how little skewed and how little dispersed values are.
func ritaRegular(values []float64, whenSmall float64) float64 {
	v := slices.Sorted(slices.Values(values))
	half := len(v) / 2
	q1, q2, q3 := median(v[:half]), median(v), median(v[half+len(v)%2:])
	skew := 0.0
	if q3-q1 >= 10 && q2 != q1 && q2 != q3 {
		skew = (q1 + q3 - 2*q2) / (q3 - q1)
	}
	var off []float64
	for _, x := range v {
		off = append(off, math.Abs(x-q2))
	}
	slices.Sort(off)
	spread := whenSmall
	if q2 >= 1 {
		spread = max(0, (q2-median(off))/q2)
	}
	return (1 - math.Abs(skew) + spread) / 2
}

// ritaEven is how even the hours are: by their variation, or by how many share two values.
func ritaEven(hours []float64) float64 {
	mean, tallest, filled := 0.0, 0.0, 0
	for _, h := range hours {
		mean += h / float64(len(hours))
		if tallest = max(tallest, h); h > 0 {
			filled++
		}
	}
	v := 0.0
	for _, h := range hours {
		v += (h - mean) * (h - mean) / float64(len(hours))
	}
	even := max(0, 1-math.Sqrt(v)/mean)
	if filled < 11 {
		return even
	}
	groups := map[float64]float64{}
	width := math.Ceil(tallest * 0.05)
	for _, h := range hours {
		if h > 0 {
			groups[math.Floor(h/width)]++
		}
	}
	var counts []float64
	for _, n := range groups {
		counts = append(counts, n)
	}
	slices.SortFunc(counts, func(a, b float64) int { return int(b - a) })
	two := counts[0]
	if len(counts) > 1 {
		two += counts[1]
	}
	return max(even, min(1, two/float64(filled-1)))
}

// ritaLasting is how much of the window the series covers, 0 unless six hours have something.
func ritaLasting(hours, at []float64, window float64) float64 {
	filled, run, longest := 0, 0, 0
	for i := range 2 * len(hours) {
		if hours[i%len(hours)] == 0 {
			run = 0
			continue
		}
		if run++; i < len(hours) {
			filled++
		}
		longest = max(longest, min(run, len(hours)))
	}
	if filled < 6 {
		return 0
	}
	return max(min(1, (at[len(at)-1]-at[0])/window), min(1, float64(longest)/12))
}

func median(sorted []float64) float64 {
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// flareShare returns the share of the gaps, in percent, that lie in the best window of two
// seconds beside the most frequent one; 0 below ten gaps.
func flareShare(at []float64) (best float64) {
	counts, n, mode := map[int]int{}, 0, 0
	for i := 1; i < len(at); i++ {
		if g := int(math.Floor(at[i]) - math.Floor(at[i-1])); g >= 2 {
			counts[g]++
			n++
		}
	}
	for g, c := range counts {
		if c > counts[mode] || c == counts[mode] && g < mode {
			mode = g
		}
	}
	if n <= 10 {
		return 0
	}
	for from := mode - 2; from <= mode; from++ {
		best = max(best, float64(counts[from]+counts[from+1])/float64(n)*100)
	}
	return best
}

// elasticScore returns whether Elastic's beaconing transform calls a series a beacon, and its
// score of 0 to 3: over the last six hours, in buckets of a minute.
func elasticScore(at, sizes []float64, end float64) (is bool, score int) {
	const buckets, width, periods = 360, 60.0, 6
	var count, bytes [buckets]float64
	for i, t := range at {
		if b := int((end - t) / width); b >= 0 && b < buckets {
			count[b]++
			bytes[b] += sizes[i]
		}
	}
	first, last := buckets, -1
	for b, c := range count {
		if c > 0 {
			first, last = min(first, b), b
		}
	}
	var filled, mean []float64
	for b := first; b <= last; b++ {
		if count[b] > 0 {
			filled, mean = append(filled, count[b]), append(mean, bytes[b]/count[b])
		}
	}
	if last-first+1 < 2*periods || len(filled) < periods+1 {
		return false, 0
	}
	steady := variation(mean) <= 0.05
	regular := 2*len(filled) > last-first+1 && variation(filled) <= 0.1
	if !regular {
		regular = recurs(count[first:last+1], periods)
	}
	if regular {
		score++
	}
	if steady {
		score += 2
	}
	return steady || regular, score
}

// variation returns the coefficient of variation of what lies within the 10th and the 80th
// percentile.
func variation(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	v = v[int(0.1*float64(len(v))+0.5):min(len(v), int(0.8*float64(len(v))+0.5)+1)]
	mean, sum := 0.0, 0.0
	for _, x := range v {
		mean += x / float64(len(v))
	}
	for _, x := range v {
		sum += (x - mean) * (x - mean)
	}
	return math.Sqrt(sum/float64(len(v))) / math.Abs(mean)
}

// recurs reports whether counts agree with themselves some buckets later.
func recurs(count []float64, periods int) bool {
	for p := 2; p <= len(count)/periods; p++ {
		n := len(count) - len(count)%p
		mean := 0.0
		for _, c := range count[:n] {
			mean += c / float64(n)
		}
		var uw, uu, ww float64
		for i := p; i < n; i++ {
			u, w := count[i]-mean, count[i-p]-mean
			uw, uu, ww = uw+u*w, uu+u*u, ww+w*w
		}
		if z := math.Sqrt(uu * ww); z == 0 || uw/z >= 0.7 {
			return true
		}
	}
	return false
}
