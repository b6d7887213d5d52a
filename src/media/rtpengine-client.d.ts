/**
 * What of `rtpengine-client` 0.4.12 we use: the package carries no types. Only its UDP client is
 * named here; its TCP client loses replies and its WebSocket client never settles requests that
 * were in flight when the connection fell, so neither is to be used.
 */
declare module 'rtpengine-client' {
  import type { EventEmitter } from 'node:events';
  import type { Socket } from 'node:dgram';

  type Send = (
    engine: { readonly host: string; readonly port: number },
    params: Readonly<Record<string, unknown>>,
  ) => Promise<Record<string, unknown>>;

  /** Calls settle with the engine's reply (also an error reply), or reject after `timeout` ms. */
  interface Client extends EventEmitter {
    readonly socket: Socket;
    readonly ping: Send;
    readonly offer: Send;
    readonly answer: Send;
    readonly query: Send;
    readonly delete: Send;
    close(): void;
  }

  const library: {
    readonly Client: new (options: { timeout: number; localAddress?: string }) => Client;
  };
  export default library;
}
