package command

// Asking the running relay whether it is well.

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"redis-relay/relay/admin"
)

func (p *program) healthCommand() *cobra.Command {
	var live bool
	cmd := &cobra.Command{
		Use: "health", Short: "ask the running relay whether it is ready: exit code 0 or 1",
		SuggestFor: []string{"ping", "status", "ready", "live", "probe"},
		Args:       takesNoArguments,
		RunE:       func(*cobra.Command, []string) error { return running{&p.source}.health(live) },
	}
	cmd.Flags().BoolVar(&live, "live", false, "ask whether it is alive, whatever Redis does")
	return cmd
}

// health asks the running relay. A mistake in the file, beside which the relay goes on,
// makes no difference, nor does an address in it that holds from the next start on.
func (r running) health(live bool) error {
	listen, socket, mistake := r.addresses()
	if err := ask(listen, socket, live); err != nil {
		return errors.Join(mistake, err)
	}
	return nil
}

// ask asks the relay at the address that is configured, and where none says yes, at the
// one that the relay on the socket tells.
func ask(listen, socket string, live bool) error {
	ctx := context.Background()
	err := errors.New("http.listen is empty: the relay has no address to ask")
	if listen != "" {
		err = admin.Probe(ctx, listen, live)
	}
	if err == nil {
		return nil
	}
	if actual, failed := admin.Find(ctx, socket); failed == nil && actual != listen {
		return admin.Probe(ctx, actual, live)
	}
	return err
}
