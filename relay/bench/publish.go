//go:build linux

// Publishing: local processes that wait for the reply to each PUBLISH.

package main

const publishTitle = "Publishing"

func publish(l *lab) ([]*table, error) {
	t := &table{
		title: publishTitle,
		notes: []string{
			"Processes that publish 124 B on a channel without listeners and wait for every reply; pipeline is how many",
			"they send at once. CPU is seconds per million publishes; x CPU Redis compares redis-server's with direct.",
			aboutSpread,
		},
		keys:    []string{"processes", "pipeline", "variant"},
		columns: []string{"publishes/s", "x direct", "CPU Redis", "x CPU Redis", "CPU relay"},
	}
	for _, n := range l.publishers {
		if err := publishShape(l, t, n, 1); err != nil {
			return nil, err
		}
	}
	const pipeline = 64
	return []*table{t}, publishShape(l, t, 1, pipeline)
}

func publishShape(l *lab, t *table, processes, pipeline int) error {
	l.progress("publishing: %d processes, pipeline %d", processes, pipeline)
	c, err := l.newContest([]way{direct, validated, kept}, processes, pipeline)
	if err != nil {
		return err
	}
	defer c.close()
	shifts, err := c.shifts()
	if err != nil {
		return err
	}
	for _, crew := range c.crews {
		straight := shifts[c.beside(crew, direct)]
		t.addOn(crew.redis, []any{processes, pipeline, crew.name}, crew.figures(shifts[crew], straight)...)
	}
	return nil
}

// figures are the rounds of a crew, beside those of direct.
func (c *crew) figures(mine, straight []shift) []figure {
	each := func(f func(i int) float64, in format) figure { return over(len(mine), f, in) }
	server := figure{}
	if c.door == atRelay {
		server = each(func(i int) float64 { return mine[i].server }, perMillion).plain()
	}
	return []figure{
		each(func(i int) float64 { return mine[i].publishes }, count).plain(),
		each(func(i int) float64 { return mine[i].publishes / straight[i].publishes }, ratio),
		each(func(i int) float64 { return mine[i].redis }, perMillion).plain(),
		each(func(i int) float64 { return mine[i].redis / straight[i].redis }, ratio),
		server,
	}
}
