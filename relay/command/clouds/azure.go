package clouds

// Azure: Azure Managed Redis and Azure Cache for Redis take a token of Microsoft Entra as the password.

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/managedidentity"
)

const (
	// azureResource is what the token is for; the user is the object id of the identity.
	// https://learn.microsoft.com/azure/redis/entra-for-authentication
	azureResource = "https://redis.azure.com"
	// azureHost gives tokens, unless AZURE_AUTHORITY_HOST names another.
	azureHost = "https://login.microsoftonline.com"
)

// AzureOptions say whose token it is. All may be empty.
type AzureOptions struct {
	User     string // empty: the object id in the token
	ClientID string // of the identity; empty: AZURE_CLIENT_ID, or else the one that the system has assigned
}

// azureToken is a token of Entra.
type azureToken struct {
	text    string
	expires time.Time
}

// Azure gets a token for the identity of this process: with AZURE_CLIENT_SECRET a service principal, with
// AZURE_FEDERATED_TOKEN_FILE a workload identity (AKS), else the managed identity of the machine, container or app.
func Azure(ctx context.Context, o AzureOptions) (Login, error) {
	o.ClientID = cmp.Or(o.ClientID, os.Getenv("AZURE_CLIENT_ID"))
	return within(ctx, "Azure", func(ctx context.Context) (Login, error) {
		token, err := o.token(ctx)
		if err != nil {
			return Login{}, err
		}
		user := cmp.Or(o.User, objectID(token.text))
		if user == "" {
			return Login{}, errors.New("the token names no object id; give the id of the identity with --user")
		}
		return Login{User: user, Password: token.text, Expires: token.expires}, nil
	})
}

func (o *AzureOptions) token(ctx context.Context) (azureToken, error) {
	secret, file := os.Getenv("AZURE_CLIENT_SECRET"), os.Getenv("AZURE_FEDERATED_TOKEN_FILE")
	switch {
	case secret != "":
		proof, err := confidential.NewCredFromSecret(secret)
		if err != nil {
			return azureToken{}, err
		}
		return o.fromEntra(ctx, "the service principal", proof)
	case file != "":
		read := func(context.Context, confidential.AssertionRequestOptions) (string, error) {
			text, err := readToken(file)
			if err != nil {
				return "", fmt.Errorf("AZURE_FEDERATED_TOKEN_FILE: %w", err)
			}
			return text, nil
		}
		return o.fromEntra(ctx, "the workload identity", confidential.NewCredFromAssertionCallback(read))
	}
	return o.fromSystem(ctx)
}

// fromEntra gets the token of an application that proves who it is.
func (o *AzureOptions) fromEntra(ctx context.Context, who string, proof confidential.Credential) (azureToken, error) {
	tenant := os.Getenv("AZURE_TENANT_ID")
	switch {
	case tenant == "":
		return azureToken{}, fmt.Errorf("AZURE_TENANT_ID is not set; it names the tenant of %s", who)
	case o.ClientID == "":
		return azureToken{}, fmt.Errorf("AZURE_CLIENT_ID is not set; it names %s; or give --client-id", who)
	}
	host := strings.TrimRight(cmp.Or(os.Getenv("AZURE_AUTHORITY_HOST"), azureHost), "/")
	// Whether the host is one of Microsoft's is not asked of another host of Microsoft's: the operator has named it.
	client, err := confidential.New(host+"/"+tenant, o.ClientID, proof, confidential.WithInstanceDiscovery(false))
	if err != nil {
		return azureToken{}, fmt.Errorf("no token for %s: %w", who, err)
	}
	result, err := client.AcquireTokenByCredential(ctx, []string{azureResource + "/.default"})
	if err != nil {
		return azureToken{}, fmt.Errorf("no token for %s from %s: %w", who, host, err)
	}
	return azureToken{result.AccessToken, result.ExpiresOn}, nil
}

// fromSystem gets the token of the managed identity, which needs no proof.
func (o *AzureOptions) fromSystem(ctx context.Context) (azureToken, error) {
	id := managedidentity.SystemAssigned()
	if o.ClientID != "" {
		id = managedidentity.UserAssignedClientID(o.ClientID)
	}
	client, err := managedidentity.New(id)
	if err != nil {
		return azureToken{}, fmt.Errorf("no managed identity: %w", err)
	}
	result, err := client.AcquireToken(ctx, azureResource)
	if err != nil {
		return azureToken{}, fmt.Errorf("no token for the managed identity (the environment names no other): %w", err)
	}
	return azureToken{result.AccessToken, result.ExpiresOn}, nil
}

// objectID reads the claim oid of a token, which Redis checks. It is empty if there is none.
func objectID(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		ObjectID string `json:"oid"`
	}
	if err != nil || json.Unmarshal(text, &claims) != nil {
		return ""
	}
	return claims.ObjectID
}
