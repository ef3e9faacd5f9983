package command

// The routes as an AsyncAPI document.

import (
	"io"

	"github.com/spf13/cobra"

	"redis-relay/relay/asyncapi"
	"redis-relay/relay/preflight"
)

// describing is what asyncapi is told.
type describing struct {
	format string
	info   asyncapi.Info
}

func (p *program) asyncAPICommand() *cobra.Command {
	var d describing
	cmd := &cobra.Command{
		Use: "asyncapi", Short: "print an AsyncAPI 3 document of the routes",
		SuggestFor: []string{"openapi", "catalogue", "catalog", "docs", "export"},
		Args:       takesNoArguments,
		Long: `For example:
  redis-relay asyncapi > asyncapi.yaml
  redis-relay asyncapi --format json --title Chat --api-version 2.1.0

Each route is a channel with the parameter {name}, a message for each kind, and operations: send
if local processes may publish, receive if they may listen. The schemas are part of the document.
The servers are those of redis.url and upstreams, without credentials. Redis is not asked.

redis-relay init --asyncapi FILE makes routes and schemas of such a document.`,
		RunE: func(*cobra.Command, []string) error { return d.run(p) },
	}
	flags := cmd.Flags()
	flags.StringVar(&d.format, "format", "yaml", "`FORMAT` of the document: yaml or json")
	flags.StringVar(&d.info.Title, "title", "Channels of redis-relay", "`TEXT` for the title of the document")
	flags.StringVar(&d.info.Version, "api-version", "1.0.0", "`VERSION` of what the document describes")
	complete(cmd, map[string][]string{"format": {"yaml", "json"}})
	return cmd
}

// run prints the document of a configuration that check accepts.
func (d *describing) run(p *program) error {
	if d.format != "yaml" && d.format != "json" {
		return wrongUsage("--format: %q is not known; write yaml or json", d.format)
	}
	cfg, err := p.load()
	if err != nil {
		return err
	}
	if err := cfg.Locate(preflight.Describe(cfg, io.Discard)); err != nil {
		return err
	}
	doc, err := asyncapi.New(cfg, d.info)
	switch {
	case err != nil:
		return cfg.Locate(err)
	case d.format == "json":
		return doc.WriteJSON(p.stdout)
	}
	return doc.WriteYAML(p.stdout)
}
