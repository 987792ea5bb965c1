package share

// maxBuckets is the number of classes after which a [Rate] looks for full buckets to
// forget. Only a class that has used its allowance lately needs one.
const maxBuckets = 4096

// Rate gives each class a token bucket. Time is passed in, in nanoseconds since the
// Unix epoch, so that it may be that of the packets. It is not safe for concurrent
// use.
type Rate[K comparable] struct {
	perSecond, burst float64
	buckets          map[K]bucket
}

// bucket is what a class may still use.
type bucket struct {
	tokens float64
	at     int64 // time of tokens
}

// NewRate returns buckets that hold burst units each and gain perSecond units in a
// second.
func NewRate[K comparable](perSecond, burst float64) *Rate[K] {
	return &Rate[K]{perSecond: perSecond, burst: burst, buckets: make(map[K]bucket)}
}

// Take uses n units of a class at a time. It uses nothing and reports false if fewer
// are left. A clock that goes back adds nothing.
func (r *Rate[K]) Take(class K, n float64, at int64) bool {
	b, ok := r.buckets[class]
	if ok {
		b = r.filled(b, at)
	} else {
		r.makeRoom(at)
		b = bucket{r.burst, at}
	}
	taken := n <= b.tokens
	if taken {
		b.tokens -= n
	}
	r.buckets[class] = b
	return taken
}

// filled returns a bucket as it is at a time.
func (r *Rate[K]) filled(b bucket, at int64) bucket {
	if gone := at - b.at; gone > 0 {
		b.tokens = min(r.burst, b.tokens+r.perSecond*float64(gone)/1e9)
	}
	b.at = at
	return b
}

// Buckets returns the number of classes that are remembered.
func (r *Rate[K]) Buckets() int { return len(r.buckets) }

// makeRoom forgets buckets that are full again once there are many, and all of them
// if none is: what a client may have used before then is given to it again.
func (r *Rate[K]) makeRoom(at int64) {
	if len(r.buckets) < maxBuckets {
		return
	}
	for k, b := range r.buckets {
		if r.filled(b, at).tokens >= r.burst {
			delete(r.buckets, k)
		}
	}
	if len(r.buckets) >= maxBuckets {
		clear(r.buckets)
	}
}
