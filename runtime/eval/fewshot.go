package eval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"mspecc/runtime"
)

// FewShot classifies test examples by the nearest class mean (Snell et al., "Prototypical
// networks for few-shot learning", 2017, section 2: squared Euclidean distance) of a few
// training examples of each class, drawn anew in every episode. All classes take part in
// every episode, and all test examples are classified. A class with fewer training examples
// gives what it has.
func FewShot(ctx context.Context, train, test *Set, shots, episodes int, o Options) (Result, error) {
	start := time.Now()
	metric, err := check(train, test, o.Metric)
	r := begin("fewshot", fmt.Sprintf("%d shots", shots), metric, train, test)
	if shots == 1 {
		r.Detail = "1 shot"
	}
	if err == nil && train.Classes == 1 {
		err = errors.New("the labels are numbers; few-shot evaluation needs classes")
	}
	if err == nil {
		err = checkSize(train, test)
	}
	if err != nil {
		return r, err
	}
	members := make([][]int32, train.Classes)
	for i, y := range train.Y {
		members[int(y)] = append(members[int(y)], int32(i))
	}
	r.Examples = 0
	for _, m := range members {
		r.Examples += min(shots, len(m))
	}
	values, why := make([]float64, max(1, episodes)), ""
	for e := range values {
		p, margins := newPrototypes(train, members, shots, o.Seed, e).predict(test, max(1, o.Threads))
		measured := p
		if metric == "auroc" {
			measured = margins
		}
		values[e], why = Metric(metric, measured, test.Y, test.Classes)
		if e == 0 {
			r.predicted(p, test)
		}
		if ctx.Err() != nil {
			return r, ctx.Err()
		}
		o.progress(e+1, len(values))
	}
	r.Test = score(values, why)
	r.Seconds = time.Since(start).Seconds()
	return r, nil
}

// prototypes are the means of classes.
type prototypes struct {
	class  []float64   // those that have training examples
	mean   [][]float32 // filled up to a multiple of 4 by repeating the last
	square []float32   // half the squared length of each
}

// newPrototypes draws the examples of an episode, without replacement.
func newPrototypes(train *Set, members [][]int32, shots int, seed uint64, episode int) *prototypes {
	p := &prototypes{}
	for c, all := range members {
		if len(all) == 0 {
			continue
		}
		order := append([]int32(nil), all...)
		stream := runtime.StreamID(fmt.Sprintf("eval/fewshot/%d", c))
		sum := make([]float64, train.Width)
		n := min(shots, len(order))
		for i := range n {
			word := runtime.Philox(runtime.Counter(uint64(i), uint64(episode), stream), seed)[0]
			j := i + int(uint64(word)*uint64(len(order)-i)>>32)
			order[i], order[j] = order[j], order[i]
			for k, v := range train.Row(int(order[i])) {
				sum[k] += float64(v) / float64(n)
			}
		}
		mean, square := make([]float32, train.Width), 0.0
		for k, v := range sum {
			mean[k] = float32(v)
			square += float64(v * v / 2)
		}
		p.class, p.mean, p.square = append(p.class, float64(c)), append(p.mean, mean), append(p.square, float32(square))
	}
	for len(p.mean)%4 != 0 {
		p.mean = append(p.mean, p.mean[len(p.mean)-1])
	}
	return p
}

// predict gives the class of the nearest mean: |x - m|^2 is smallest where x.m - |m|^2 / 2 is
// largest. The margins say by how much the last class is nearer than the first.
func (p *prototypes) predict(test *Set, threads int) (class, margins []float64) {
	out, margins := make([]float64, test.Len()), make([]float64, test.Len())
	parallel(threads, (test.Len()+1)/2, 64, func(lo, hi int) {
		for pair := lo; pair < hi; pair++ {
			i, j := 2*pair, min(2*pair+1, test.Len()-1)
			best := [2]float32{float32(math.Inf(-1)), float32(math.Inf(-1))}
			for c := 0; c < len(p.mean); c += 4 {
				s := dots(test.Row(i), test.Row(j), p.mean[c], p.mean[c+1], p.mean[c+2], p.mean[c+3])
				for q := 0; q < 4 && c+q < len(p.class); q++ {
					sign := 0.0
					switch c + q {
					case len(p.class) - 1:
						sign = 1
					case 0:
						sign = -1
					}
					a, b := s[q]-p.square[c+q], s[4+q]-p.square[c+q]
					if a > best[0] {
						best[0], out[i] = a, p.class[c+q]
					}
					if b > best[1] {
						best[1], out[j] = b, p.class[c+q]
					}
					margins[i] += float64(sign * float64(a))
					if j > i {
						margins[j] += float64(sign * float64(b))
					}
				}
			}
		}
	})
	return out, margins
}
