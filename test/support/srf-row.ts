/**
 * Three SIP servers in a row with an unmodified drachtio-srf program on each: who calls, who is
 * between, who is called. Tests say what each program does with which method.
 */
import { startSipd, type Sipd } from './sipd.ts';
import {
  connectSrf,
  sdp,
  type Handler,
  type SrfApp,
  type SrfDialog,
  type SrfRequest,
  type SrfResponse,
} from './srf.ts';

export interface ProxyResults {
  connected: boolean;
  finalStatus: number;
  responses: { msgs: { status: number }[] }[];
}

/** More of srf's API than other tests need. */
export interface FullSrf extends SrfApp {
  proxyRequest(req: SrfRequest, to?: string | string[], opts?: object): Promise<ProxyResults>;
  createB2BUA(
    req: SrfRequest,
    res: SrfResponse,
    uri: string,
    opts: object,
  ): Promise<{ uas: SrfDialog; uac: SrfDialog }>;
  findDialogById(id: string): SrfDialog | undefined;
}

const methods = ['invite', 'options', 'subscribe', 'message'];

export class SrfRow {
  readonly caller: FullSrf;
  readonly middle: FullSrf;
  readonly callee: FullSrf;
  /** By program and method: `middle invite`. What has none is refused with 405. */
  readonly handlers: Record<string, Handler>;
  private readonly servers: Sipd[];

  private constructor(servers: Sipd[], programs: FullSrf[], handlers: Record<string, Handler>) {
    this.servers = servers;
    [this.caller, this.middle, this.callee] = programs as [FullSrf, FullSrf, FullSrf];
    this.handlers = handlers;
  }

  static async open(): Promise<SrfRow> {
    const servers = await Promise.all([startSipd(), startSipd(), startSipd()]);
    const handlers: Record<string, Handler> = {};
    const names = ['caller', 'middle', 'callee'];
    const programs = servers.map((sipd, at) => {
      const routes = methods.map((method): [string, Handler] => [
        method,
        (req, res) => {
          const handle = handlers[`${names[at] ?? ''} ${method}`];
          if (handle === undefined) res.send(405);
          else handle(req, res);
        },
      ]);
      return connectSrf(sipd, Object.fromEntries(routes));
    });
    return new SrfRow(servers, (await Promise.all(programs)) as FullSrf[], handlers);
  }

  /** @returns what the servers logged */
  async close(): Promise<string> {
    for (const one of [this.caller, this.middle, this.callee]) one.disconnect();
    await Promise.all(this.servers.map((one) => one.stop()));
    return this.servers.map((one) => one.log()).join('');
  }

  forget(): void {
    for (const key of Object.keys(this.handlers)) delete this.handlers[key];
  }

  /** A URI that leads to the program between. */
  get between(): string {
    return `sip:x@127.0.0.1:${this.servers[1]?.udpPort ?? 0}`;
  }

  /** One that leads to the program that is called. */
  called(user: string, proto: 'udp' | 'tcp' = 'udp'): string {
    const port = proto === 'udp' ? this.servers[2]?.udpPort : this.servers[2]?.tcpPort;
    return `sip:${user}@127.0.0.1:${port ?? 0}${proto === 'tcp' ? ';transport=tcp' : ''}`;
  }

  /** The program between passes everything on like this; its results. */
  passing(to: () => string[], opts: object = {}): Promise<ProxyResults> {
    return new Promise((resolve, reject) => {
      const pass: Handler = (req) => {
        this.middle.proxyRequest(req, to(), { ...opts }).then(resolve, reject);
      };
      for (const method of methods) this.handlers[`middle ${method}`] = pass;
    });
  }

  /** The program that is called takes the call of this user, refuses the others. */
  taking(user: string, refusal = 486): Promise<SrfDialog> {
    return new Promise((resolve, reject) => {
      this.handlers['callee invite'] = (req, res) => {
        if (!req.uri.startsWith(`sip:${user}@`)) res.send(refusal);
        else this.callee.createUAS(req, res, { localSdp: sdp('callee') }).then(resolve, reject);
      };
    });
  }
}
