package kernels

// plan says in which stage of a row kernel what happens.
type plan struct {
	graph      *graph
	stages     int
	reductions [][]int        // by stage: reduction nodes whose argument is complete
	sinks      [][]int        // by stage: nodes stored along the row
	need       []map[int]bool // by stage: full nodes that are computed
	first      map[int]int    // the first stage that computes a full node
	slot       map[int]int    // kept nodes, numbered from 1
	slots      int            // in scratch
	inPlace    map[int]bool   // operands both loaded and stored
	usesIota   bool
}

func newPlan(g *graph, f form) plan {
	p := plan{graph: g, inPlace: map[int]bool{}, slot: map[int]int{}}
	loaded := map[int]bool{}
	last := 0
	for i, n := range g.nodes {
		if g.uses[i] == 0 {
			continue
		}
		last = max(last, g.stage[i])
		if n.Op == "load" {
			loaded[n.Operand] = true
		}
		p.usesIota = p.usesIota || n.Op == "iota"
	}
	p.stages = last + 1
	for _, s := range g.stores {
		p.inPlace[s.Operand] = loaded[s.Operand]
	}
	p.reductions, p.sinks = make([][]int, p.stages), make([][]int, p.stages)
	for i, n := range g.nodes {
		if isReduction(n.Op) && g.uses[i] > 0 && g.stage[i] > g.stage[n.Args[0]] {
			p.reductions[g.stage[i]-1] = append(p.reductions[g.stage[i]-1], i)
		}
	}
	for _, s := range g.stores {
		if g.operands[s.Operand].Col != 0 || g.full[s.Node] {
			p.sinks[p.storeStage(s)] = append(p.sinks[p.storeStage(s)], s.Node)
		}
	}
	p.cones()
	if !(f.unrolled && f.keepAll) {
		p.keep()
		if !f.unrolled {
			p.slots = len(p.slot)
		}
	}
	return p
}

// storeStage is the stage in which a store happens: as soon as the value is
// known, but for an operand that is also loaded only when nothing loads it
// any more.
func (p *plan) storeStage(s Store) int {
	if p.inPlace[s.Operand] {
		return p.stages - 1
	}
	return p.graph.stage[s.Node]
}

// cones finds the full nodes each stage computes, kept ones cut off.
func (p *plan) cones() {
	p.need = make([]map[int]bool, p.stages)
	p.first = map[int]int{}
	for s := range p.need {
		p.need[s] = map[int]bool{}
		var visit func(n int)
		visit = func(n int) {
			if p.need[s][n] || !p.graph.full[n] {
				return
			}
			p.need[s][n] = true
			first, seen := p.first[n]
			if !seen {
				p.first[n] = s
			}
			if p.slot[n] > 0 && seen && first < s {
				return
			}
			for _, a := range p.graph.nodes[n].Args {
				visit(a)
			}
		}
		for _, n := range p.reductions[s] {
			visit(p.graph.nodes[n].Args[0])
		}
		for _, n := range p.sinks[s] {
			visit(n)
		}
	}
}

// keep chooses the nodes that several stages use and that cost more to
// recompute than to keep.
func (p *plan) keep() {
	cost := make([]float64, len(p.graph.nodes))
	for n, node := range p.graph.nodes {
		if !p.graph.full[n] {
			continue
		}
		cost[n] = weight(node.Op)
		if node.Op == "load" && p.graph.operands[node.Operand].Col > 1 {
			cost[n] = 8
		}
		for _, a := range node.Args {
			cost[n] += cost[a]
		}
		stages := 0
		for s := range p.need {
			if p.need[s][n] {
				stages++
			}
		}
		if stages > 1 && cost[n] > keepCost {
			p.slot[n] = 1
			cost[n] = weight("load")
		}
	}
	p.cones()
	slots := 0
	for n := range p.graph.nodes { // a kept node that only kept nodes need is not kept
		if p.slot[n] == 0 {
			continue
		}
		delete(p.slot, n)
		for s := range p.need {
			if p.need[s][n] && p.first[n] < s {
				slots++
				p.slot[n] = slots
				break
			}
		}
	}
}
