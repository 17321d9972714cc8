// Package optim holds the optimisers. An optimiser is one entry of a table: what a train block may say
// of it, what it keeps for every parameter, and its update as a small function in primitives of the tensor IR,
// which becomes a kernel like any other part of a step.
package optim

import (
	"slices"

	"mspecc/ir"
)

// Settings are the numbers of a train block's optimiser; one that the optimiser does not take is 0.
type Settings struct {
	LR, WeightDecay, Momentum, Beta1, Beta2, Eps float64
}

// Arg is a number that an optimiser takes.
type Arg struct {
	Name     string
	Default  float64
	Positive bool // it must be above 0, otherwise at least 0
	Below1   bool
	Of       func(*Settings) *float64
}

// Optimiser is one entry of the table.
type Optimiser struct {
	Name string
	Doc  string // one line of mathematics, g being the gradient after clipping
	Args []Arg  // in the order in which they may be given without names
	// State names what is kept for every parameter from step to step, laid out as the parameters and zero before
	// the first step.
	State func(s Settings) []string
	// Update gives the parameters after a step, and the state in the order of State.
	Update func(u *Update) (params *ir.Value, state []*ir.Value)
}

// Update is what an optimiser computes with: tensors [n] of all parameters at once, and numbers.
type Update struct {
	Settings
	Params, Gradient *ir.Value
	State            []*ir.Value
	LR               *ir.Value // the step's rate, after the schedule

	b *ir.Builder
	n int
}

// NewUpdate prepares an update of n parameters in the builder's graph.
func NewUpdate(b *ir.Builder, s Settings, params, gradient *ir.Value, state []*ir.Value) *Update {
	u := &Update{Settings: s, Params: params, Gradient: gradient, State: state, b: b, n: params.Len()}
	u.LR = u.scalar("opt.lr")
	return u
}

// scalar is a number that the trainer gives with every step.
func (u *Update) scalar(name string) *ir.Value {
	return u.b.Broadcast(u.b.Input(name, ir.F32, nil), []int{u.n})
}

// bias1 and bias2 are 1 - beta^t in step t.
func (u *Update) bias1() *ir.Value { return u.scalar("opt.bias1") }
func (u *Update) bias2() *ir.Value { return u.scalar("opt.bias2") }

func (u *Update) number(x float64) *ir.Value             { return u.b.Splat(x, u.n) }
func (u *Update) mul(x, y *ir.Value) *ir.Value           { return u.b.Binary(ir.Mul, x, y) }
func (u *Update) add(x, y *ir.Value) *ir.Value           { return u.b.Binary(ir.Add, x, y) }
func (u *Update) sub(x, y *ir.Value) *ir.Value           { return u.b.Binary(ir.Sub, x, y) }
func (u *Update) div(x, y *ir.Value) *ir.Value           { return u.b.Binary(ir.Div, x, y) }
func (u *Update) sqrt(x *ir.Value) *ir.Value             { return u.b.Unary(ir.Sqrt, x) }
func (u *Update) scale(x *ir.Value, k float64) *ir.Value { return u.mul(x, u.number(k)) }

// The numbers that optimisers take.
var (
	lr          = Arg{Name: "lr", Default: 1e-3, Of: func(s *Settings) *float64 { return &s.LR }}
	weightDecay = Arg{Name: "weight_decay", Of: func(s *Settings) *float64 { return &s.WeightDecay }}
	momentum    = Arg{Name: "momentum", Below1: true, Of: func(s *Settings) *float64 { return &s.Momentum }}
	beta1       = Arg{Name: "beta1", Default: 0.9, Below1: true, Of: func(s *Settings) *float64 { return &s.Beta1 }}
	beta2       = Arg{Name: "beta2", Default: 0.999, Below1: true, Of: func(s *Settings) *float64 { return &s.Beta2 }}
	eps         = Arg{Name: "eps", Default: 1e-8, Positive: true, Of: func(s *Settings) *float64 { return &s.Eps }}
)

var all = []Optimiser{
	{"adamw", "m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g²; w = w (1 - lr weight_decay) - lr m' / (sqrt(v') + eps), m' and v' being m / (1 - beta1^t) and v / (1 - beta2^t) (Loshchilov and Hutter, 2019)",
		[]Arg{lr, weightDecay, beta1, beta2, eps}, moments, adamw},
	{"adam", "adamw, but that the decay is a part of the gradient: g + weight_decay w takes the place of g (Kingma and Ba, 2015)",
		[]Arg{lr, weightDecay, beta1, beta2, eps}, moments, adam},
	{"sgd", "v = momentum v + g + weight_decay w; w = w - lr v",
		[]Arg{lr, weightDecay, momentum}, velocity, sgd},
}

// All lists the optimisers; the first is the default.
func All() []Optimiser { return slices.Clone(all) }

// Names lists their names.
func Names() []string {
	var names []string
	for _, o := range all {
		names = append(names, o.Name)
	}
	return names
}

// Find is the optimiser of a name.
func Find(name string) (Optimiser, bool) {
	if i := slices.IndexFunc(all, func(o Optimiser) bool { return o.Name == name }); i >= 0 {
		return all[i], true
	}
	return Optimiser{}, false
}

// Defaults are the optimiser's settings where a train block gives none.
func (o Optimiser) Defaults() Settings {
	var s Settings
	for _, a := range o.Args {
		*a.Of(&s) = a.Default
	}
	return s
}

func moments(Settings) []string { return []string{"adam.m", "adam.v"} }

func velocity(s Settings) []string {
	if s.Momentum == 0 {
		return nil
	}
	return []string{"sgd.momentum"}
}

// adamw is Adam with decoupled weight decay: Loshchilov and Hutter, 2019, algorithm 2.
func adamw(u *Update) (*ir.Value, []*ir.Value) {
	step, state := u.adam(u.Gradient)
	kept := u.mul(u.Params, u.sub(u.number(1), u.scale(u.LR, u.WeightDecay)))
	return u.sub(kept, step), state
}

// adam is that of Kingma and Ba, 2015, algorithm 1, with the decay in the gradient.
func adam(u *Update) (*ir.Value, []*ir.Value) {
	step, state := u.adam(u.decaying())
	return u.sub(u.Params, step), state
}

// adam is a step against the gradient, scaled by its moments, and the moments.
func (u *Update) adam(g *ir.Value) (step *ir.Value, state []*ir.Value) {
	m := u.add(u.scale(u.State[0], u.Beta1), u.scale(g, 1-u.Beta1))
	v := u.add(u.scale(u.State[1], u.Beta2), u.scale(u.mul(g, g), 1-u.Beta2))
	root := u.add(u.sqrt(u.div(v, u.bias2())), u.number(u.Eps))
	return u.mul(u.LR, u.div(u.div(m, u.bias1()), root)), []*ir.Value{m, v}
}

// sgd goes against the gradient, or with momentum against a decaying sum of gradients. As the sum is zero at
// first, it begins with the whole first gradient.
func sgd(u *Update) (*ir.Value, []*ir.Value) {
	g := u.decaying()
	if u.Momentum == 0 {
		return u.sub(u.Params, u.mul(u.LR, g)), nil
	}
	sum := u.add(u.scale(u.State[0], u.Momentum), g)
	return u.sub(u.Params, u.mul(u.LR, sum)), []*ir.Value{sum}
}

// decaying is the gradient of the loss with weight_decay/2 |w|² added to it.
func (u *Update) decaying() *ir.Value {
	if u.WeightDecay == 0 {
		return u.Gradient
	}
	return u.add(u.Gradient, u.scale(u.Params, u.WeightDecay))
}
