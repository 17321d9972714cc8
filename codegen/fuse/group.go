package fuse

import "slices"

// A group is a list of launches that is going to be one launch.
type group interface {
	// join adds a launch, if it can run in the same loop; the group itself stays as it is.
	join(l *Launch) (group, bool)
	// launch is the group as one launch.
	launch() *Launch
}

// open is a group that may still grow, with what its launches touch by buffer.
type open struct {
	group
	members []*Launch
	touched map[*Buffer][]touch
}

func (o *open) add(l *Launch) {
	o.members = append(o.members, l)
	for _, t := range touches(l) {
		o.touched[t.access().Buf] = append(o.touched[t.access().Buf], t)
	}
}

// conflicts reports whether l and the group touch something in common that one writes.
func (o *open) conflicts(l *Launch) bool {
	for _, t := range touches(l) {
		for _, u := range o.touched[t.access().Buf] {
			if conflict(t, u) {
				return true
			}
		}
	}
	return false
}

// gather sorts launches into groups. A launch joins the newest open group that takes it;
// what it needs from groups opened later is moved before that group, if nothing stands
// against it. At most so many groups are open: the oldest is closed first.
//
// Takes: launches in an order that respects every dependency. Promises: the same, in such
// an order.
func gather(launches []*Launch, most int, start func(l *Launch) group) []*Launch {
	var done []*Launch
	var list []*open
	for _, l := range launches {
		joined := false
		for i := len(list) - 1; i >= 0 && !joined; i-- {
			g, ok := list[i].join(l)
			if !ok {
				continue
			}
			if order, ok := before(list, i, l); ok {
				list[i].group = g
				list[i].add(l)
				list = reorder(list, i, order)
				joined = true
			}
		}
		if !joined {
			o := &open{group: start(l), touched: map[*Buffer][]touch{}}
			o.add(l)
			list = append(list, o)
		}
		if len(list) > most {
			done = append(done, list[0].launch())
			list = list[1:]
		}
	}
	for _, o := range list {
		done = append(done, o.launch())
	}
	return done
}

// before lists the groups after group i that must run before it when l joins it: those that
// l depends on, and those that they depend on. ok is false if one of them depends on group i.
func before(list []*open, i int, l *Launch) (moved []int, ok bool) {
	for j := len(list) - 1; j > i; j-- {
		needs := func(k int) bool { return slices.ContainsFunc(list[k].members, list[j].conflicts) }
		if !list[j].conflicts(l) && !slices.ContainsFunc(moved, needs) {
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
