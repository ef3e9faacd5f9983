package top

// The views, and how their rows are sorted and filtered.

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"redis-relay/relay/glob"
	"redis-relay/relay/status"
)

// View is one of the pictures.
type View int

// The views, in the order of their keys.
const (
	Overview View = iota
	Channels
	Clients
	Routes
	Rejects
	Events

	numViews
)

// view is a view with a table.
type view struct {
	name   string
	orders []string // the first one holds at the start
	table  func(*status.Status, sorting) table
}

var views = [numViews]view{
	{"overview", names(channelOrders), nil},
	{"channels", names(channelOrders), channelTable},
	{"clients", names(clientOrders), clientTable},
	{"routes", names(routeOrders), routeTable},
	{"rejects", names(rejectOrders), rejectTable},
	{"events", names(eventOrders), eventTable},
}

// Views lists the names of all views.
func Views() (list []string) {
	for _, v := range views {
		list = append(list, v.name)
	}
	return list
}

// Orders lists all that a view can be sorted by.
func Orders() (list []string) {
	for _, v := range views {
		for _, name := range v.orders {
			if !slices.Contains(list, name) {
				list = append(list, name)
			}
		}
	}
	return list
}

// sorting says which rows a table has, and in which order.
type sorting struct {
	order   int // of the view's orders
	reverse bool
	filter  string
}

// passes tells whether one of some texts has the filter in it, in letters of any case; or matches it, if it is a
// pattern as Redis has them.
func (s *sorting) passes(texts ...string) bool {
	filter := strings.ToLower(s.filter)
	pattern := strings.ContainsAny(filter, "*?[")
	return filter == "" || slices.ContainsFunc(texts, func(text string) bool {
		text = strings.ToLower(text)
		return !pattern && strings.Contains(text, filter) || pattern && glob.Match([]byte(filter), []byte(text))
	})
}

// order is one way to sort rows.
type order[T any] struct {
	name    string
	compare func(a, b *T) int
}

// most puts the highest figures first.
func most[T any](name string, figure func(*T) float64) order[T] {
	return order[T]{name, func(a, b *T) int { return cmp.Compare(figure(b), figure(a)) }}
}

// alphabetical puts texts in the order of their letters.
func alphabetical[T any](name string, text func(*T) string) order[T] {
	return order[T]{name, func(a, b *T) int { return strings.Compare(text(a), text(b)) }}
}

func names[T any](orders []order[T]) (list []string) {
	for _, o := range orders {
		list = append(list, o.name)
	}
	return list
}

// arrange returns the rows that are wanted, sorted. Rows that are alike stay in the order in which the relay told
// them.
func arrange[T any](rows []T, orders []order[T], s sorting, wanted func(*T) bool) (list []*T) {
	for i := range rows {
		if wanted(&rows[i]) {
			list = append(list, &rows[i])
		}
	}
	slices.SortStableFunc(list, func(a, b *T) int {
		c := orders[s.order].compare(a, b)
		if s.reverse {
			return -c
		}
		return c
	})
	return list
}

// headed is the title of a column that has names, with the number of rows.
func headed(title string, rows, all int) string {
	if rows != all {
		return fmt.Sprintf("%s %d of %d", title, rows, all)
	}
	return fmt.Sprintf("%s %d", title, rows)
}
