// Goes through a user's life with the client that openapi-typescript and openapi-fetch make.
import createClient from "openapi-fetch";
import type { paths } from "./service.js";

const env = (name: string): string => process.env[name] ?? "";

function must<T>(step: string, answer: { data?: T; error?: unknown; response: Response }): T {
  if (answer.data === undefined) {
    throw new Error(`${step}: ${answer.response.status} ${JSON.stringify(answer.error)}`);
  }
  return answer.data;
}

async function life(): Promise<void> {
  const client = createClient<paths>({ baseUrl: env("TELEMATICS_URL") });
  const created = must("create", await client.POST("/v1/Registration/create", {
    params: { header: { InstanceId: env("TELEMATICS_INSTANCE_ID") } },
    headers: { InstanceKey: env("TELEMATICS_INSTANCE_KEY") },
    body: { FirstName: "Ada", UserFields: { ClientId: "c-ts", EnableTracking: false, EnableLogging: true } },
  }));
  const token = created.Result.DeviceToken ?? "";
  const signedIn = must("login", await client.POST("/v1/Auth/Login", {
    body: {
      LoginFields: JSON.stringify({ email: env("TELEMATICS_ADMIN_EMAIL") }),
      Password: env("TELEMATICS_ADMIN_PASSWORD"),
    },
  }));
  const headers = { Authorization: `Bearer ${signedIn.Result.AccessToken?.Token}` };
  must("update", await client.PUT("/v1/Management/users", {
    params: { header: { UserDeviceToken: token } }, headers,
    body: { LastName: "Lovelace", UserFields: { ClientId: "c-ts" } },
  }));
  const found = must("find", await client.GET("/v1/Management/users/find", {
    params: { query: { ClientId: "c-ts" } }, headers,
  }));
  const user = found.Result[0];
  if (found.Result.length !== 1 || user.UserProfile.LastName !== "Lovelace" || user.UserFields[0].EnableTracking ||
    !user.UserFields[0].EnableLogging) {
    throw new Error(`find: ${JSON.stringify(found)}`);
  }
  must("delete", await client.DELETE("/v1/Management/users/{DeviceToken}", {
    params: { path: { DeviceToken: token } }, headers,
  }));
}

life().catch((err) => {
  console.error("openapi-typescript:", err);
  process.exit(1);
});
