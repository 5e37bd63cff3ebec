// Goes through a user's life with the client that ogen generates.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/google/uuid"
	"github.com/ogen-go/ogen/ogenerrors"

	"clients/ogen"
)

func main() {
	if err := life(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "ogen:", err)
		os.Exit(1)
	}
}

// security has the credentials of the calls: the admin's, and the instance's key.
type security struct{ jwt string }

func (s *security) AdminJwt(context.Context, ogen.OperationName) (ogen.AdminJwt, error) {
	return ogen.AdminJwt{Token: s.jwt}, nil
}

func (s *security) UserJwt(context.Context, ogen.OperationName) (ogen.UserJwt, error) {
	return ogen.UserJwt{}, ogenerrors.ErrSkipClientSecurity
}

func (s *security) InstanceKey(context.Context, ogen.OperationName) (ogen.InstanceKey, error) {
	if s.jwt != "" {
		return ogen.InstanceKey{}, ogenerrors.ErrSkipClientSecurity
	}
	return ogen.InstanceKey{APIKey: os.Getenv("TELEMATICS_INSTANCE_KEY")}, nil
}

func life(ctx context.Context) error {
	s := &security{}
	c, err := ogen.NewClient(os.Getenv("TELEMATICS_URL"), s)
	if err != nil {
		return err
	}
	const id, last = "c-ogen", "Lovelace"
	answer, err := c.RegisterUser(ctx, &ogen.RegisterUserApplicationJSON{
		FirstName: ogen.NewOptNilString("Ada"),
		UserFields: ogen.NewOptUserFieldChanges(ogen.UserFieldChanges{
			ClientId: ogen.NewOptNilString(id), EnableTracking: ogen.NewOptBool(false), EnableLogging: ogen.NewOptBool(true),
		}),
	}, ogen.RegisterUserParams{InstanceId: uuid.MustParse(os.Getenv("TELEMATICS_INSTANCE_ID"))})
	created, ok := answer.(*ogen.RegisteredEnvelope)
	if err != nil || !ok {
		return fmt.Errorf("create: %w %+v", err, answer)
	}
	token := created.Result.DeviceToken.Value
	signed, err := c.SignIn(ctx, &ogen.SignInApplicationJSON{
		LoginFields: fmt.Sprintf(`{"email": %q}`, os.Getenv("TELEMATICS_ADMIN_EMAIL")),
		Password:    os.Getenv("TELEMATICS_ADMIN_PASSWORD"),
	}, ogen.SignInParams{})
	signedIn, ok := signed.(*ogen.RegisteredEnvelope)
	if err != nil || !ok {
		return fmt.Errorf("login: %w %+v", err, signed)
	}
	s.jwt = signedIn.Result.AccessToken.Value.Token
	changed, err := c.UpdateUser(ctx, &ogen.UpdateUserApplicationJSON{
		LastName:   ogen.NewOptNilString(last),
		UserFields: ogen.NewOptUserFieldChanges(ogen.UserFieldChanges{ClientId: ogen.NewOptNilString(id)}),
	}, ogen.UpdateUserParams{UserDeviceToken: ogen.NewOptUUID(token)})
	if _, ok := changed.(*ogen.DoneEnvelope); err != nil || !ok {
		return fmt.Errorf("update: %w %+v", err, changed)
	}
	all, err := c.FindUsers(ctx, ogen.FindUsersParams{ClientId: ogen.NewOptString(id)})
	found, ok := all.(*ogen.FoundEnvelope)
	if err != nil || !ok || len(found.Result) != 1 {
		return fmt.Errorf("find: %w %+v", err, all)
	}
	u := found.Result[0]
	if u.UserProfile.LastName.Value != last || u.UserFields[0].EnableTracking || !u.UserFields[0].EnableLogging {
		return fmt.Errorf("find: %+v", u)
	}
	deleted, err := c.DeleteUser(ctx, ogen.DeleteUserParams{DeviceToken: token})
	if _, ok := deleted.(*ogen.DoneEnvelope); err != nil || !ok {
		return fmt.Errorf("delete: %w %+v", err, deleted)
	}
	return nil
}
