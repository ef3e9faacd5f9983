package command

// Asking the running relay whether it is well.

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"redis-relay/config"
	"redis-relay/relay/admin"
)

func (p *program) healthCommand() *cobra.Command {
	var live bool
	cmd := &cobra.Command{
		Use: "health", Short: "ask the running relay whether it is ready: exit code 0 or 1",
		SuggestFor: []string{"ping", "status", "ready", "live", "probe"},
		Args:       takesNoArguments,
		RunE:       func(*cobra.Command, []string) error { return p.health(live) },
	}
	cmd.Flags().BoolVar(&live, "live", false, "ask whether it is alive, whatever Redis does")
	return cmd
}

// health asks the running relay. A mistake in the file, beside which the relay goes on,
// makes no difference.
func (p *program) health(live bool) error {
	cfg, err := p.load()
	if err != nil {
		if probe(config.HTTPListen(p.source), live) == nil {
			return nil
		}
		return err
	}
	return probe(cfg.HTTP.Listen, live)
}

func probe(listen string, live bool) error {
	if listen == "" {
		return errors.New("http.listen is empty: the relay has no address to ask")
	}
	return admin.Probe(context.Background(), listen, live)
}
