package relay

// Alerts: which stand, and who is told of them over HTTP.

import (
	"fmt"
	"os"
	"time"

	"redis-relay/relay/alerts"
)

// openAlerts has alerts made of notices from now on.
func (r *Relay) openAlerts(version string) {
	var changed func(alerts.Alert)
	if r.cfg.Alerts.Webhook != "" {
		host, _ := os.Hostname() // without a name it is told without one
		webhook := alerts.NewWebhook(alerts.WebhookOptions{
			URL: r.cfg.Alerts.Webhook, TokenFile: r.cfg.Alerts.WebhookTokenFile,
			Origin: alerts.Origin{
				Version: version, Host: host, Socket: r.cfg.Socket.Path,
				Life: fmt.Sprintf("%s-%d-%x", host, os.Getpid(), time.Now().UnixNano()),
			},
		}, r.log.Named("alerts"))
		r.services = append(r.services, webhook.Run)
		r.webhookStats, changed = webhook.Stats, webhook.Add
	}
	r.alerts = alerts.NewBoard(changed)
	r.teller.ObserveBy(r.alerts)
}
