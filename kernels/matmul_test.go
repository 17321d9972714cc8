package kernels_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"mspecc/kernels"
)

// product is one call of a MatMul kernel to be checked.
type product struct {
	spec    kernels.MatMul
	m, k    int
	kernel  string
	padding int
}

func matmuls() []product {
	var list []product
	add := func(ms []int, n int, ks []int, transposedA bool, pad int) {
		s := kernels.MatMul{N: n, Ms: ms, Ks: ks, BK: n + pad, CM: n + 2*pad}
		s.AM, s.AK = maxOf(ks)+pad, 1
		if transposedA {
			s.AM, s.AK = 1, maxOf(ms)+pad
		}
		for _, m := range ms {
			for _, k := range ks {
				list = append(list, product{spec: s, m: m, k: k, padding: pad})
			}
		}
	}
	ks := []int{1, 2, 3, 32, 65}
	for _, n := range []int{1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 128, 250, 256} {
		add([]int{1, 2, 5, 6, 7}, n, ks, false, 0)
	}
	add([]int{13, 64}, 48, []int{128}, true, 3)
	add([]int{65}, 65, []int{32}, false, 5)
	add([]int{17}, 100, []int{9}, true, 1)
	add([]int{29}, 768, []int{64}, false, 0)
	list = append(list, product{spec: kernels.MatMul{N: 22, AM: 40, AK: 3, BK: 22, CM: 22}, m: 11, k: 13}) // A neither by rows nor by columns
	for _, k := range []int{32, 33, 50, 64, 97} {                                                          // the result is fetched meanwhile
		add([]int{9, 14, 15}, 48, []int{k}, false, 1)
		add([]int{12, 31}, 32, []int{k}, true, 2)
		add([]int{7}, 66, []int{k, 110}, false, 0)
	}
	return list
}

func maxOf(x []int) int {
	m := x[0]
	for _, v := range x {
		m = max(m, v)
	}
	return m
}

func TestMatMul(t *testing.T) {
	s := newSuite(t)
	list := matmuls()
	made := map[string]string{}
	for i := range list {
		p := &list[i]
		key := p.spec.Key()
		if made[key] == "" {
			made[key] = s.add(&p.spec)
		}
		p.kernel = made[key]
	}
	s.build()
	r := rand.New(rand.NewPCG(1, 2))
	for _, p := range list {
		for _, target := range s.targets {
			for add := 0; add < 2; add++ {
				if err := p.check(s, p.kernel+target, add, r); err != nil {
					t.Fatalf("%s %s m %d k %d add %d: %v", target, p.spec.Key(), p.m, p.k, add, err)
				}
			}
		}
	}
}

func (p product) check(s *suite, kernel string, add int, r *rand.Rand) error {
	spec := p.spec
	var a arena
	at := a.add(normal(r, (p.m-1)*spec.AM+(p.k-1)*spec.AK+1))
	bt := a.add(normal(r, (p.k-1)*spec.BK+spec.N))
	c := nans((p.m-1)*spec.CM + spec.N)
	if add == 1 {
		c = normal(r, len(c))
	}
	ct := a.add(c)
	before := append([]float32(nil), a.mem...)
	s.run(kernel, a.mem, a.off, []int{p.m, p.k, add})
	for i := 0; i < p.m; i++ {
		for j := 0; j < spec.N; j++ {
			want, size := 0.0, 0.0
			if add == 1 {
				want = float64(before[ct+i*spec.CM+j])
			}
			for k := 0; k < p.k; k++ {
				x := float64(before[at+i*spec.AM+k*spec.AK]) * float64(before[bt+k*spec.BK+j])
				want += x
				size += math.Abs(x)
			}
			got := float64(a.mem[ct+i*spec.CM+j])
			if !(math.Abs(got-want) <= 2e-6*(size+math.Abs(want))) {
				return fmt.Errorf("C[%d,%d] = %g, want %g", i, j, got, want)
			}
		}
	}
	return intact(before, a.mem, func(i int) bool {
		i -= ct
		return i >= 0 && i/spec.CM < p.m && i%spec.CM < spec.N
	})
}
