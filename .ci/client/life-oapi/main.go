// Goes through a user's life with the client that oapi-codegen generates.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"github.com/google/uuid"

	"clients/oapi"
)

func main() {
	if err := life(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "oapi-codegen:", err)
		os.Exit(1)
	}
}

func with(header, value string) oapi.RequestEditorFn {
	return func(_ context.Context, r *http.Request) error {
		r.Header.Set(header, value)
		return nil
	}
}

func life(ctx context.Context) error {
	c, err := oapi.NewClientWithResponses(os.Getenv("TELEMATICS_URL"))
	if err != nil {
		return err
	}
	name, id, on, off := "Ada", "c-oapi", true, false
	created, err := c.RegisterUserWithResponse(ctx,
		&oapi.RegisterUserParams{InstanceId: uuid.MustParse(os.Getenv("TELEMATICS_INSTANCE_ID"))},
		oapi.NewUser{FirstName: &name, UserFields: &oapi.UserFieldChanges{ClientId: &id, EnableTracking: &off,
			EnableLogging: &on}},
		with("InstanceKey", os.Getenv("TELEMATICS_INSTANCE_KEY")))
	if err != nil || created.JSON200 == nil {
		return fmt.Errorf("create: %w %+v", err, created)
	}
	token := *created.JSON200.Result.DeviceToken
	signedIn, err := c.SignInWithResponse(ctx, &oapi.SignInParams{}, oapi.Credentials{
		LoginFields: fmt.Sprintf(`{"email": %q}`, os.Getenv("TELEMATICS_ADMIN_EMAIL")),
		Password:    os.Getenv("TELEMATICS_ADMIN_PASSWORD"),
	})
	if err != nil || signedIn.JSON200 == nil {
		return fmt.Errorf("login: %w %+v", err, signedIn)
	}
	admin := with("Authorization", "Bearer "+signedIn.JSON200.Result.AccessToken.Token)
	last := "Lovelace"
	updated, err := c.UpdateUserWithResponse(ctx, &oapi.UpdateUserParams{UserDeviceToken: &token},
		oapi.UserChanges{LastName: &last, UserFields: &oapi.UserFieldChanges{ClientId: &id}}, admin)
	if err != nil || updated.JSON200 == nil {
		return fmt.Errorf("update: %w %+v", err, updated)
	}
	found, err := c.FindUsersWithResponse(ctx, &oapi.FindUsersParams{ClientId: &id}, admin)
	if err != nil || found.JSON200 == nil || len(found.JSON200.Result) != 1 {
		return fmt.Errorf("find: %w %+v", err, found)
	}
	u := found.JSON200.Result[0]
	if *u.UserProfile.LastName != last || u.UserFields[0].EnableTracking || !u.UserFields[0].EnableLogging {
		return fmt.Errorf("find: %s", found.Body)
	}
	deleted, err := c.DeleteUserWithResponse(ctx, token, admin)
	if err != nil || deleted.JSON200 == nil {
		return fmt.Errorf("delete: %w %+v", err, deleted)
	}
	return nil
}
