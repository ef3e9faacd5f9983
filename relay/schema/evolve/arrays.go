package evolve

// Arrays.

import (
	"math"

	"redis-relay/relay/schema"
)

// meetsArray proves what a schema asks of arrays.
func (p *prover) meetsArray(c *context, to *schema.Shape, depth int) notProved {
	least, most := itemCounts(c)
	if most >= 0 && least > most {
		return ""
	}
	switch {
	case to.MinItems > least:
		return keyword(to, "minItems")
	case to.MaxItems >= 0 && (most < 0 || most > to.MaxItems):
		return keyword(to, "maxItems")
	case to.Unique && (most < 0 || most > 1) && !some(c, func(s *schema.Shape) bool { return s.Unique }):
		return keyword(to, "uniqueItems")
	case to.UnevaluatedItems != nil:
		return keyword(to, "unevaluatedItems")
	}
	if why := p.eachItem(c, to, func(item *context, asked *schema.Shape) notProved {
		return p.implies(item, asked, depth+1)
	}); why != "" {
		return why
	}
	if to.Contains != nil && !p.meetsContains(c, to, depth) {
		return keyword(to, "contains")
	}
	return ""
}

// itemCounts returns how many items the arrays of a context have. An item that cannot be ends them.
func itemCounts(c *context) (least, most int) {
	most = -1
	for _, s := range c.holds {
		least, most = tighter(least, most, s.MinItems, s.MaxItems)
		if s.Contains != nil {
			least = max(least, s.MinContains)
		}
	}
	for i := range positions(c, nil) + 1 {
		if itemOf(c, i).kinds == 0 {
			_, most = tighter(0, most, 0, i)
			break
		}
	}
	return least, most
}

// positions is how many places of arrays schemas describe by themselves.
func positions(c *context, to *schema.Shape) (n int) {
	for _, s := range c.holds {
		n = max(n, len(s.Prefix))
	}
	if to != nil {
		n = max(n, len(to.Prefix))
	}
	return n
}

// itemAt returns what a schema asks of the item at a place; nil: nothing.
func itemAt(s *schema.Shape, i int) *schema.Shape {
	if i < len(s.Prefix) {
		return s.Prefix[i]
	}
	return s.Rest
}

// itemOf returns what a context knows of the item at a place.
func itemOf(c *context, i int) *context {
	item := anything
	for _, s := range c.holds {
		item = item.with(itemAt(s, i))
	}
	return item
}

// eachItem proves what a schema asks of each place.
func (p *prover) eachItem(
	c *context, to *schema.Shape, prove func(item *context, asked *schema.Shape) notProved,
) notProved {
	_, most := itemCounts(c)
	if most < 0 {
		most = math.MaxInt
	}
	for i := range min(positions(c, to)+1, most) {
		asked := itemAt(to, i)
		if asked == nil {
			continue
		}
		if why := prove(itemOf(c, i), asked); why != "" {
			return why
		}
	}
	return ""
}

// meetsContains proves how many items a schema accepts.
func (p *prover) meetsContains(c *context, to *schema.Shape, depth int) bool {
	least, most := itemCounts(c)
	enough := to.MinContains <= 0 || least >= to.MinContains && p.allItems(c, to.Contains, depth) ||
		some(c, func(s *schema.Shape) bool {
			return s.Contains != nil && s.MinContains >= to.MinContains &&
				p.implies(anything.with(s.Contains), to.Contains, depth+1) == ""
		})
	if !enough || to.MaxContains < 0 || most >= 0 && most <= to.MaxContains {
		return enough
	}
	return some(c, func(s *schema.Shape) bool {
		return s.Contains != nil && s.MaxContains >= 0 && s.MaxContains <= to.MaxContains &&
			p.implies(anything.with(to.Contains), s.Contains, depth+1) == ""
	})
}

// allItems proves that a schema accepts all items.
func (p *prover) allItems(c *context, s *schema.Shape, depth int) bool {
	all := schema.NewShape()
	all.Rest = s
	return p.eachItem(c, all, func(item *context, asked *schema.Shape) notProved {
		return p.implies(item, asked, depth+1)
	}) == ""
}

// hasNoArray proves that a context has no array.
func (p *prover) hasNoArray(c *context, depth int) bool {
	least, most := itemCounts(c)
	if most >= 0 && least > most {
		return true
	}
	for i := range min(least, positions(c, nil)+1) {
		if p.implies(itemOf(c, i), never, depth+1) == "" {
			return true
		}
	}
	return false
}
