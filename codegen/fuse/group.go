package fuse

import "slices"

// A group is a list of launches being merged into one.
type group interface {
	// join adds launches, if they can run in the same loop and share data with the group; the
	// group itself stays as it is.
	join(ls ...*Launch) (group, bool)
	// launch is the group as one launch.
	launch() *Launch
}

// open is a group that may still grow, with what its launches touch by buffer.
type open struct {
	group
	members []*Launch
	touched map[*Buffer][]touch
	ids     []int // of the members
	after   []int // what these must follow, whatever they read
}

func (o *open) add(ls ...*Launch) {
	o.members = append(o.members, ls...)
	for _, l := range ls {
		o.ids, o.after = append(o.ids, l.ids...), append(o.after, l.after...)
	}
	for _, t := range touches(ls...) {
		o.touched[t.access().Buf] = append(o.touched[t.access().Buf], t)
	}
}

// conflicts reports whether l and the group touch something in common that one writes, or
// must run in this order for another reason.
func (o *open) conflicts(l *Launch) bool {
	if meet(l.after, o.ids) || meet(o.after, l.ids) {
		return true
	}
	for _, t := range touches(l) {
		for _, u := range o.touched[t.access().Buf] {
			if conflict(t, u) {
				return true
			}
		}
	}
	return false
}

// meet reports whether two lists have a number in common.
func meet(a, b []int) bool {
	return slices.ContainsFunc(a, func(x int) bool { return slices.Contains(b, x) })
}

// gather sorts launches into groups. A launch joins the newest open group that takes it;
// what it needs from groups opened later is moved before that group, dependences permitting.
// Copies and cheap producers (zeros, rows of a table) are held back and emitted with their first
// reader. At most a given number of groups are open: the oldest is closed first.
//
// Takes: launches in an order that respects every dependency. Promises: the same, in such
// an order.
func gather(launches []*Launch, most int, start func(l *Launch) group) []*Launch {
	g := &gathering{most: most, start: start}
	for _, l := range launches {
		if l.Copy || l.source() {
			g.held = append(g.held, l)
			continue
		}
		needs := g.release(l)
		if !g.place(append(needs, l)...) {
			for _, l := range append(needs, l) {
				if !g.place(l) {
					g.open(l)
				}
			}
		}
	}
	for _, l := range g.held {
		g.open(l)
	}
	for _, o := range g.list {
		g.done = append(g.done, o.launch())
	}
	return g.done
}

// gathering is the state of gather.
type gathering struct {
	most  int
	start func(l *Launch) group
	list  []*open   // open groups, oldest first
	held  []*Launch // what nobody has read yet, of what waits for that
	done  []*Launch
}

// release takes out what is held and l conflicts with, and those that these read.
func (g *gathering) release(l *Launch) []*Launch {
	var out []*Launch
	for i := len(g.held) - 1; i >= 0; i-- {
		h := g.held[i]
		if conflicting(h, l) || slices.ContainsFunc(out, func(o *Launch) bool { return conflicting(h, o) }) {
			out = append(out, h)
			g.held = slices.Delete(g.held, i, i+1)
		}
	}
	slices.Reverse(out)
	return out
}

// place adds launches to the newest open group that takes them all.
func (g *gathering) place(ls ...*Launch) bool {
	for i := len(g.list) - 1; i >= 0; i-- {
		joined, ok := g.list[i].join(ls...)
		if !ok {
			continue
		}
		if order, ok := before(g.list, i, ls); ok {
			o := g.list[i]
			g.take(i, joined, order, ls)
			g.unite(slices.Index(g.list, o))
			return true
		}
	}
	return false
}

// take adds launches to group i, which becomes joined, and puts the groups in order before it.
func (g *gathering) take(i int, joined group, order []int, ls []*Launch) {
	g.list[i].group = joined
	g.list[i].add(ls...)
	g.list = reorder(g.list, i, order)
}

// unite moves all of a group that was started lately into an older one. What a group starts
// with may share nothing with the older one, and its first reader with both.
func (g *gathering) unite(i int) {
	young := g.list[i]
	if len(young.members) > unitedMembers {
		return
	}
	for j := i - 1; j >= 0; j-- {
		if joined, ok := g.list[j].join(young.members...); ok {
			if order, ok := before(g.list[:i], j, young.members); ok { // those behind may wait for it
				g.list = slices.Delete(g.list, i, i+1)
				g.take(j, joined, order, young.members)
				return
			}
		}
	}
}

// unitedMembers is how many launches move from a group to an older one at most.
const unitedMembers = 4

// open starts a group.
func (g *gathering) open(l *Launch) {
	o := &open{group: g.start(l), touched: map[*Buffer][]touch{}}
	o.add(l)
	g.list = append(g.list, o)
	if len(g.list) > g.most {
		g.done = append(g.done, g.list[0].launch())
		g.list = g.list[1:]
	}
}

// before lists the groups after group i that must run before it when launches join it: those
// that they depend on, and those that these depend on. ok is false if one of them depends on
// group i.
func before(list []*open, i int, ls []*Launch) (moved []int, ok bool) {
	for j := len(list) - 1; j > i; j-- {
		needs := func(k int) bool { return slices.ContainsFunc(list[k].members, list[j].conflicts) }
		if !slices.ContainsFunc(ls, list[j].conflicts) && !slices.ContainsFunc(moved, needs) {
			continue
		}
		if slices.ContainsFunc(list[j].members, list[i].conflicts) {
			return nil, false
		}
		moved = append(moved, j)
	}
	slices.Sort(moved)
	return moved, true
}

// reorder puts the moved groups before group i.
func reorder(list []*open, i int, moved []int) []*open {
	out := slices.Clone(list[:i])
	for _, j := range moved {
		out = append(out, list[j])
	}
	for j := i; j < len(list); j++ {
		if !slices.Contains(moved, j) {
			out = append(out, list[j])
		}
	}
	return out
}
