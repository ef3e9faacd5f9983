package embedded

// XINFO STREAM with all fields of Redis, because client libraries look for more fields than the engine has.

import "redis-relay/relay/resp"

// describeStream answers XINFO STREAM. Where the engine does not count something, the reply has the number that
// would be right if no entry had been deleted.
func (c *client) describeStream(key string) {
	info, err := c.srv.do("XINFO", "STREAM", key)
	if err != nil || info.Type == '-' {
		c.fail(replyError(info.Str))
		return
	}
	first, errFirst := c.srv.do("XRANGE", key, "-", "+", "COUNT", "1")
	last, errLast := c.srv.do("XREVRANGE", key, "+", "-", "COUNT", "1")
	if errFirst != nil || errLast != nil || len(info.Elems) < 4 {
		c.fail(errSyntax)
		return
	}
	length, newest := info.Elems[1].Int, string(info.Elems[3].Str)
	oldest := "0-0"
	if len(first.Elems) > 0 {
		oldest = string(first.Elems[0].Elems[0].Str)
	}
	const fields = 10
	if c.proto == resp.RESP3 {
		c.reply = resp.AppendMap(c.reply, c.proto, fields)
	} else {
		c.reply = resp.AppendArray(c.reply, 2*fields)
	}
	number := func(name string, n int64) { c.reply = resp.AppendInt(resp.AppendBulkString(c.reply, name), n) }
	id := func(name, id string) { c.strings(name, id) }
	number("length", length)
	number("radix-tree-keys", min(length, 1))
	number("radix-tree-nodes", 1+min(length, 1))
	id("last-generated-id", newest)
	id("max-deleted-entry-id", "0-0")
	number("entries-added", length)
	id("recorded-first-entry-id", oldest)
	number("groups", 0)
	c.strings("first-entry")
	c.entry(first)
	c.strings("last-entry")
	c.entry(last)
}

// entry appends the first entry of a range, or null.
func (c *client) entry(of resp.Value) {
	if len(of.Elems) == 0 {
		c.reply = resp.AppendNull(c.reply, c.proto)
		return
	}
	id, fields := of.Elems[0].Elems[0].Str, of.Elems[0].Elems[1].Elems
	c.reply = resp.AppendBulk(resp.AppendArray(c.reply, 2), id)
	c.reply = resp.AppendArray(c.reply, len(fields))
	for _, f := range fields {
		c.reply = resp.AppendBulk(c.reply, f.Str)
	}
}
