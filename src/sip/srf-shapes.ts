/**
 * What drachtio-srf really gives, in our own declarations: its published types are partly wrong
 * (`dialog.request()` demands too much, its result has no status), and a few of its inner parts
 * are needed that it does not publish. Only `drachtio.ts` uses them.
 */
import type { Socket } from 'node:net';

export interface SrfMessage {
  get(name: string): string | undefined;
  readonly body?: string;
}
export interface SrfRequest extends SrfMessage {
  readonly method: string;
  readonly uri: string;
  readonly source: string;
  readonly source_address: string;
  readonly source_port: number;
  readonly protocol: string;
  readonly stackDialogId?: string;
  readonly stackTxnId: string;
  /** What stands behind the socket it came by; from sipd why it was let in. */
  readonly sessionToken?: string;
  on(event: 'cancel', listener: (message: SrfMessage) => void): void;
  on(
    event: 'response',
    listener: (response: SrfReceived, ack: (options?: object) => void) => void,
  ): void;
  on(event: 'update', listener: (request: SrfRequest, response: SrfResponse) => void): void;
}
export interface SrfReceived extends SrfMessage {
  readonly status: number;
  readonly reason: string;
  readonly source_address: string;
  readonly source_port: number;
  readonly stackDialogId?: string;
}
export interface SrfResponse {
  readonly status?: number;
  send(
    status: number,
    reason: string,
    options: object,
    callback: (error: unknown, message: SrfMessage) => void,
  ): void;
  readonly stackDialogId?: string;
}
export type SrfSocket = Pick<
  Socket,
  'destroyed' | 'end' | 'destroy' | 'once' | 'off' | 'write' | 'cork' | 'uncork'
>;
export interface SrfAgent {
  readonly mapServer: ReadonlyMap<
    SrfSocket,
    {
      readonly ready: boolean;
      /** What waits for the server's answer: its tokens, `OK` or `NOK` first. */
      readonly pendingRequests: Map<string, (answer?: readonly string[]) => void>;
      /** Requests of ours that wait for responses, by transaction. */
      readonly pendingSipRequests: Map<string, { readonly req: SrfRequest }>;
    }
  >;
  readonly wp: {
    send(socket: SrfSocket, text: string): string;
    closing?: boolean;
    readonly reconnectVars?: { retryTimer: NodeJS.Timeout | null };
  };
}
export interface SrfInstance {
  readonly app: { readonly client?: SrfAgent };
  connect(options: object): void;
  use(method: string, handler: (request: SrfRequest, response: SrfResponse) => void): void;
  request(options: object, callback: (error: unknown, request?: SrfRequest) => void): void;
  on(
    event: 'connect',
    listener: (error: unknown, hostports?: string, version?: string) => void,
  ): void;
  on(event: 'error', listener: (error: unknown) => void): void;
  on(event: 'close', listener: () => void): void;
}
